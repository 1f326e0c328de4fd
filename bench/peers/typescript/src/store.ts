// The orders table: its keys and items are those of shared/order-store/src/dynamo.
import { createHash } from 'node:crypto';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Json } from './cards';

export type Item = Record<string, any>;
export type Key = { pk: string; sk: string };
export type Merchant = {
  enabled: boolean;
  environment: 'sandbox' | 'production';
  sites?: Record<string, unknown>;
  window_days?: number;
  currencies?: string[];
  amount_minor_min?: number;
  amount_minor_max?: number;
};
export type Parked = {
  merchant?: string;
  arrivedAt: string;
  kind: string;
  name: string;
  sentence: string;
  copy: string;
  keepDays: number;
  orderId?: string;
  event?: Json;
  rule?: { rule: string; path: string };
};

const COPY_CHARS_MAX = 64 * 1024;
const MERCHANT_FRESH_MILLIS = 60_000;
const UNKNOWN_MERCHANT_FRESH_MILLIS = 5_000;
const DAY_MILLIS = 86_400_000;

/** Time limits of all clients. Keep-alive is the SDK's default. */
export const clientConfig = { maxAttempts: 3, requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500 } };

/** A setting that must be there. */
export const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
};

export const TABLE = setting('ORDERS_TABLE');
export const client = new DynamoDBClient(clientConfig);
export const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
const merchants = new Map<string, { freshUntil: number; merchant: Merchant | undefined }>();

/** A time as it is stored: UTC, to the millisecond. */
export const stamp = (at: Date): string => at.toISOString();

const sorted = (value: Json): Json => {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, field]) => [name, sorted(field)]));
};

/** JSON of which the same value always has the same text. */
export const compact = (value: Json): string => JSON.stringify(sorted(value));

export const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

export const orderKey = (merchant: string, orderId: string): Key => ({ pk: `ORDER#${merchant}#${orderId}`, sk: 'ORDER' });

/** When somebody must look, with the shard of the index (FNV-1a of the key) that lists it. */
export const due = (key: Key, at: Date, reason: string, looks = 0): Item => {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(key.pk + key.sk)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return { due_shard: `DUE#${hash % 8n}`, due_at: Math.floor(at.getTime() / 1000), due_reason: reason, due_looks: looks };
};

/** The item that refused a condition; the error itself where it is another one. */
export const refusing = (error: unknown): Item | undefined => {
  if (!(error instanceof ConditionalCheckFailedException)) throw error;
  return error.Item === undefined ? undefined : unmarshall(error.Item);
};

/** A merchant's configuration, read once a minute. */
export const findMerchant = async (id: string): Promise<Merchant | undefined> => {
  const known = merchants.get(id);
  if (known !== undefined && Date.now() < known.freshUntil) return known.merchant;
  const { Item } = await documents.send(
    new GetCommand({ TableName: TABLE, Key: { pk: `MERCHANT#${id}`, sk: 'CONFIG' }, ConsistentRead: true }),
  );
  const merchant: Merchant | undefined = Item === undefined ? undefined : JSON.parse(Item.config);
  const fresh = merchant === undefined ? UNKNOWN_MERCHANT_FRESH_MILLIS : MERCHANT_FRESH_MILLIS;
  merchants.set(id, { freshUntil: Date.now() + fresh, merchant });
  return merchant;
};

export const readOrder = async (merchant: string, orderId: string): Promise<Item | undefined> => {
  const read = new GetCommand({ TableName: TABLE, Key: orderKey(merchant, orderId), ConsistentRead: true });
  return (await documents.send(read)).Item;
};

/** Stores an item unless there is one under its key; the one that is there, if so. */
export const putNew = async (item: Item): Promise<Item | undefined> => {
  try {
    await documents.send(
      new PutCommand({
        TableName: TABLE,
        Item: item,
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return undefined;
  } catch (error) {
    return refusing(error);
  }
};

/** Keeps what can't be applied; the same thing twice is kept once. */
export const park = async (parked: Parked): Promise<void> => {
  const key = { pk: `PARKED#${parked.merchant ?? '-'}`, sk: `${parked.arrivedAt}#${parked.kind}#${parked.name}` };
  const now = Date.now();
  await putNew({
    ...key,
    schema: 1,
    kind: parked.kind,
    arrived_at: parked.arrivedAt,
    copy: parked.copy.slice(0, COPY_CHARS_MAX),
    fate: 'parked',
    sentence: parked.sentence,
    ttl: Math.floor((now + parked.keepDays * DAY_MILLIS) / 1000),
    order_id: parked.orderId,
    ...parked.rule,
    ...(parked.event === undefined
      ? {}
      : { event: compact(parked.event), ...due(key, new Date(now + 5 * 60_000), 'orphan', 1) }),
  });
};
