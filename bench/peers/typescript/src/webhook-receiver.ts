// Verifies FlexFactor's webhooks and applies them. Powertools' idempotency sees to it that an event is applied once; a
// conditional update, that orders only move up in rank, whatever the order in which events come.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { type Json, redact, redactUnparsed } from './cards';
import { type OrderEvent, PROGRESS, FACET_OF, isAbove, KIND_OF, STATUS_AFTER, update } from './event';
import { serve } from './runtime';
import { client, clientConfig, compact, findMerchant, park, refusing, setting, sha256, stamp, TABLE } from './store';

const BODY_BYTES_MAX = 64 * 1024;
const NONCE = /^[A-Za-z0-9-]{1,128}$/;
const SECRET_FRESH_SECONDS = 300;
const IDEMPOTENT_SECONDS = 30 * 86_400;
const SCHEME = 'HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature=';
const OF_ACCOUNTS = new Set(['payout.created', 'payout.updated']);
const HOST = setting('WEBHOOK_HOST');
const SECRET_PREFIX = setting('MERCHANT_SECRET_PREFIX');
const DATE_WINDOW_MILLIS = Number(setting('WEBHOOK_DATE_WINDOW_SECONDS')) * 1000;
const KEEP_DAYS = Number(setting('PARKED_COPY_DAYS'));

const logger = new Logger({ serviceName: 'webhook-receiver' });
const metrics = new Metrics({ namespace: 'RebillRescue', serviceName: 'webhook-receiver' });
const secrets = new SecretsProvider({ clientConfig });
const idempotency = new IdempotencyConfig({
  eventKeyJmesPath: '[merchant, orderId, name, occurredAt]',
  expiresAfterSeconds: IDEMPOTENT_SECONDS,
});
const deliveries = new DynamoDBPersistenceLayer({
  tableName: TABLE,
  keyAttr: 'pk',
  sortKeyAttr: 'sk',
  expiryAttr: 'ttl',
  awsSdkV3Client: client,
});

/** It is not FlexFactor's; which check it failed goes to the log alone. */
class Forged extends Error {}

type Headers = Record<string, string | undefined>;

const webhookKeys = async (merchant: string, forceFetch: boolean): Promise<Buffer[]> => {
  const secret = await secrets.get(SECRET_PREFIX + merchant, { maxAge: SECRET_FRESH_SECONDS, forceFetch });
  const { webhook_keys: keys } = JSON.parse(String(secret)) as { webhook_keys: string[] };
  return keys.map((key) => Buffer.from(key, 'base64'));
};

/** What was signed, and the signature; a header that comes twice has a comma and fails. */
const signatureOf = (headers: Headers, body: Buffer): { signed: string; given: Buffer } => {
  const authorization = headers['x-fc-authorization'];
  const [claimed, date, nonce] = [headers['x-fc-content-sha512'], headers['x-fc-date'], headers['x-fc-nonce']];
  if (authorization === undefined || claimed === undefined || date === undefined || nonce === undefined) {
    throw new Forged('header_missing');
  }
  if (!authorization.startsWith(SCHEME)) throw new Forged('authorization');
  if (!NONCE.test(nonce)) throw new Forged('nonce');
  const hash = createHash('sha512').update(body).digest('base64');
  if (hash !== claimed) throw new Forged('content_hash');
  const age = Math.abs(Date.now() - Date.parse(date));
  if (Number.isNaN(age)) throw new Forged('date');
  if (age > DATE_WINDOW_MILLIS) throw new Forged('date_window');
  return { signed: `POST\n${nonce};${date};${HOST};${hash}`, given: Buffer.from(authorization.slice(SCHEME.length), 'base64') };
};

const verify = async (merchant: string, headers: Headers, body: Buffer): Promise<void> => {
  const { signed, given } = signatureOf(headers, body);
  // A signature that fails may be one by a key that the cached secret does not have yet.
  for (const forceFetch of [false, true]) {
    const keys = await webhookKeys(merchant, forceFetch);
    const matching = keys.filter((key) => {
      const expected = createHmac('sha512', key).update(signed).digest();
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
    if (matching.length > 0) return;
  }
  throw new Forged('signature');
};

const keep = async (merchant: string, body: Buffer, kind: string, sentence: string, event?: Json): Promise<void> => {
  if (kind !== 'account_event') metrics.addMetric('ParkedEvents', MetricUnit.Count, 1);
  let [copy, name, at, orderId] = [redactUnparsed(body.toString()), sha256(body).slice(0, 16), new Date(0), undefined as string | undefined];
  try {
    const { IsResent: _, ...value } = JSON.parse(body.toString());
    at = new Date(value.TimeStamp ?? 0);
    [copy, name, orderId] = [compact(redact(value)), sha256(compact(value)).slice(0, 16), value.ExternalOrderId ?? undefined];
  } catch {
    // It is kept as the text that it is.
  }
  await park({ merchant, arrivedAt: stamp(at), kind, name, sentence, copy, keepDays: KEEP_DAYS, orderId, event });
  logger.warn('an event was parked', { kind, parkedId: name });
};

/** Applies an event to its order, or parks it. The answer is remembered: the same event again is answered from it. */
const apply = makeIdempotent(
  async (event: OrderEvent, body: Buffer): Promise<string> => {
    try {
      await update(event, true);
      return 'applied';
    } catch (error) {
      const order = refusing(error);
      if (order === undefined) {
        const kept = {
          kind: KIND_OF[event.name] ?? 'progress',
          name: event.name,
          occurred_at: event.occurredAt,
          order_id: event.orderId,
          provider_order: event.providerOrder,
          confirmation: event.confirmation ?? null,
          nonce: event.nonce,
        };
        await keep(event.merchant, body, 'orphan_event', 'No order of ours has this id.', kept);
        return 'orphan';
      }
      if (order.provider_order !== undefined && order.provider_order !== event.providerOrder) {
        await keep(event.merchant, body, 'mismatched_event', "The order is known under another id of the provider's.");
        return 'mismatched';
      }
      // Refused again only where the order changed in between; the error asks for the webhook again.
      await update(event, isAbove(event, order), order);
      return 'applied';
    }
  },
  { persistenceStore: deliveries, config: idempotency, dataIndexArgument: 0 },
);

/** What a verified webhook says, and what is done about it. */
const receive = async (merchant: string, isSandbox: boolean, nonce: string, body: Buffer): Promise<void> => {
  let value: Record<string, any>;
  try {
    value = JSON.parse(body.toString());
  } catch {
    value = {};
  }
  if (typeof value?.Event !== 'string' || typeof value.TimeStamp !== 'string' || typeof value.IsTestMode !== 'boolean') {
    return keep(merchant, body, 'unknown_event', 'The body has not the shape of an event.');
  }
  if (value.IsTestMode !== isSandbox) throw new Forged('test_mode');
  const name = value.Event.toLowerCase();
  if (OF_ACCOUNTS.has(name)) {
    return keep(merchant, body, 'account_event', "The event is about the merchant's account and is only kept.");
  }
  if (!(name in STATUS_AFTER) && !(name in FACET_OF) && !PROGRESS.has(name)) {
    return keep(merchant, body, 'unknown_event', "The event's name is not known.");
  }
  const { TimeStamp: occurredAt, ExternalOrderId: orderId, OrderId: providerOrder, ConfirmationId: confirmation } = value;
  if (!orderId || !providerOrder) {
    return keep(merchant, body, 'unknown_event', 'The event names no order that could be ours.');
  }
  const result = await apply({ merchant, name, occurredAt, orderId, providerOrder, confirmation, nonce }, body);
  logger.info('an event was taken', { orderId, eventName: name, result });
};

const answer = (statusCode: number, code?: string): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  body: code === undefined ? '' : JSON.stringify({ code }),
});

const take = async (event: APIGatewayProxyEventV2, merchant: string): Promise<APIGatewayProxyStructuredResultV2> => {
  const found = await findMerchant(merchant);
  if (found === undefined) return answer(404, 'unknown_merchant');
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (body.length > BODY_BYTES_MAX) return answer(413, 'too_large');
  const headers = Object.fromEntries(Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value]));
  await verify(merchant, headers, body);
  await receive(merchant, found.environment === 'sandbox', String(headers['x-fc-nonce']), body);
  return answer(200);
};

const handler = async (event: APIGatewayProxyEventV2, context: Context): Promise<APIGatewayProxyStructuredResultV2> => {
  logger.addContext(context);
  idempotency.registerLambdaContext(context);
  const merchant = event.rawPath.replace(/\/$/, '').split('/webhooks/').at(-1) ?? '';
  try {
    return await take(event, merchant);
  } catch (error) {
    if (error instanceof Forged) {
      metrics.addMetric('ForgedWebhooks', MetricUnit.Count, 1);
      logger.warn('a webhook was refused', { merchant, check: error.message });
      return answer(401, 'not_verified');
    }
    logger.error('a webhook could not be taken; it must be sent again', error as Error);
    return answer(503, 'unavailable');
  } finally {
    metrics.publishStoredMetrics();
  }
};

await serve(handler);
