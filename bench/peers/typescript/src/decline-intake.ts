// Takes declined rebills from SQS, screens them and stores them as orders. The conditional write makes it idempotent: an
// idempotency record of its own would cost two more writes and add nothing.
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { holdsCardNumber, type Json, redact, redactUnparsed } from './cards';
import { contentOf, type Decline, type Limits, Refused, read, screen } from './decline';
import { serve } from './runtime';
import { clientConfig, compact, due, findMerchant, type Item, orderKey, park, putNew, readOrder, setting, sha256, stamp } from './store';

const BODY_BYTES_MAX = 64 * 1024;
const DAY_MILLIS = 86_400_000;
const QUEUE_URL = setting('EVALUATIONS_QUEUE_URL');
const OVERDUE_MILLIS = Number(setting('SUBMISSION_OVERDUE_SECONDS')) * 1000;
const KEEP_DAYS = Number(setting('REJECTED_COPY_DAYS'));
const LIMITS: Limits = {
  ageMaxSeconds: Number(setting('DECLINE_AGE_MAX_SECONDS')),
  daysMin: Number(setting('WINDOW_DAYS_MIN')),
  daysMax: Number(setting('WINDOW_DAYS_MAX')),
  daysDefault: Number(setting('WINDOW_DAYS_DEFAULT')),
};

const logger = new Logger({ serviceName: 'decline-intake' });
const metrics = new Metrics({ namespace: 'RebillRescue', serviceName: 'decline-intake' });
const sqs = new SQSClient(clientConfig);
const processor = new BatchProcessor(EventType.SQS);

type Arrival = { id: string; body: string; at: string };

const handOn = async (decline: Decline): Promise<void> => {
  const body = compact({ merchant: decline.merchant, order_id: decline.order_id });
  await sqs.send(new SendMessageCommand({ QueueUrl: QUEUE_URL, MessageBody: body }));
};

const orderItem = (decline: Decline, request: string, days: number): Item => {
  const now = Date.now();
  const key = orderKey(decline.merchant, decline.order_id);
  return {
    ...key,
    schema: 1,
    status: 'received',
    attempts: 0,
    amount_minor: decline.amount.minor,
    currency: decline.amount.currency,
    declined_at: stamp(new Date(decline.declined_at)),
    received_at: stamp(new Date(now)),
    expires_at: stamp(new Date(now + days * DAY_MILLIS)),
    updated_at: stamp(new Date(now)),
    content: sha256(request),
    request,
    version: 1,
    response_code: decline.transaction.response_code,
    response_code_source: decline.transaction.response_code_source,
    site: decline.site ?? undefined,
    descriptor: decline.transaction.descriptor ?? undefined,
    ...due(key, new Date(now + OVERDUE_MILLIS), 'submission_overdue'),
  };
};

const repeated = async (decline: Decline, stored: Item): Promise<void> => {
  // The process that stored it may have died before it handed it on.
  if (stored.status === 'received') await handOn(decline);
  logger.info('the same decline came again', { orderId: decline.order_id });
};

const storeOrder = async (decline: Decline, value: Json, arrival: Arrival): Promise<void> => {
  const request = compact(contentOf(decline));
  let days: number;
  try {
    days = screen(decline, await findMerchant(decline.merchant), LIMITS, Date.now());
  } catch (error) {
    // What was taken when it was fresh is not refused because its redelivery is stale.
    const known = error instanceof Refused ? await readOrder(decline.merchant, decline.order_id) : undefined;
    if (known?.content === sha256(request)) return repeated(decline, known);
    throw error;
  }
  const stored = await putNew(orderItem(decline, request, days));
  if (stored === undefined) {
    await handOn(decline);
    logger.info('a decline was taken', { orderId: decline.order_id });
  } else if (stored.content === sha256(request)) {
    await repeated(decline, stored);
  } else {
    metrics.addMetric('DeclineConflicts', MetricUnit.Count, 1);
    logger.warn('another decline came under an id that is taken', { orderId: decline.order_id });
    await park({
      merchant: decline.merchant,
      arrivedAt: arrival.at,
      kind: 'conflict',
      name: arrival.id,
      sentence: 'Another decline is stored under this merchant and order id; an id names one order only.',
      copy: compact(redact(value)),
      keepDays: KEEP_DAYS,
      orderId: decline.order_id,
    });
  }
};

const textId = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value.length > 0 && value.length <= 100 && !holdsCardNumber(value) ? value : undefined;

const refuse = async (value: Json | undefined, refused: Refused, arrival: Arrival): Promise<void> => {
  metrics.addMetric('RejectedDeclines', MetricUnit.Count, 1);
  logger.warn('a decline was refused', { messageId: arrival.id, rule: refused.rule, path: refused.path });
  const named = value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  const merchant = textId(named.merchant);
  const isOurs = merchant !== undefined && (await findMerchant(merchant)) !== undefined;
  await park({
    merchant: isOurs ? merchant : undefined,
    arrivedAt: arrival.at,
    kind: value === undefined ? 'unparseable' : 'refused',
    name: arrival.id,
    sentence: refused.sentence,
    copy: value === undefined ? redactUnparsed(arrival.body) : compact(redact(value)),
    keepDays: KEEP_DAYS,
    orderId: textId(named.order_id),
    rule: { rule: refused.rule, path: refused.path },
  });
};

const parse = (body: string): Json => {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refused('not_json', '', 'The message is not JSON.');
  }
};

/** Keeps one decline for good: as an order, as a repeat of one, or parked with its reason. */
const take = async (record: SQSRecord): Promise<void> => {
  const arrival = { id: record.messageId, body: record.body, at: stamp(new Date(Number(record.attributes.SentTimestamp))) };
  let value: Json | undefined;
  try {
    if (Buffer.byteLength(record.body) > BODY_BYTES_MAX) {
      throw new Refused('too_large', '', `The message is longer than ${BODY_BYTES_MAX} bytes.`);
    }
    value = parse(record.body);
    await storeOrder(read(value), value, arrival);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await refuse(value, error, arrival);
  }
};

const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  logger.addContext(context);
  try {
    return await processPartialResponse(event, take, processor, { context, throwOnFullBatchFailure: false });
  } finally {
    metrics.publishStoredMetrics();
  }
};

await serve(handler);
