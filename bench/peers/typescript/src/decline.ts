// The decline message: its shape, and the rules that it is screened by (shared/models/src/decline.rs, screening.rs).
import * as z from 'zod';
import { find, type Json } from './cards';
import type { Merchant } from './store';

const SKEW_MILLIS = 300_000;
const METADATA_ENTRIES_MAX = 20;

/** A rule's stable id, the field's path, and a sentence that quotes no value. */
export class Refused extends Error {
  constructor(
    readonly rule: string,
    readonly path: string,
    readonly sentence: string,
  ) {
    super(rule);
  }
}

/** RFC 3339 in UTC, without trailing zeros in its fraction. */
const utc = (text: string): string => new Date(text).toISOString().replace(/\.?0*Z$/, 'Z');

const text = z.string().min(1).max(256).regex(/^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$/);
const optional = text.nullish();
const count = z.int().min(1).max(2 ** 32 - 1).nullish();
const money = z.strictObject({ minor: z.int().min(0), currency: z.string().regex(/^[A-Z]{3}$/) });

const shape = z.strictObject({
  version: z.literal(1),
  merchant: z.string().regex(/^[a-z0-9-]{1,32}$/),
  order_id: z.string().regex(/^[!-~]{1,100}$/),
  declined_at: z.iso.datetime({ offset: true }).transform(utc),
  merchant_initiated: z.boolean(),
  recurring: z.boolean(),
  amount: money,
  site: optional,
  window_days: z.int().min(0).max(65_535).nullish(),
  transaction: z.strictObject({
    id: text,
    response_code: text,
    response_code_source: text,
    response_text: optional,
    status: optional,
    processor: optional,
    avs_result: text,
    cvv_result: text,
    cavv_result: text,
    card_not_present: z.boolean().default(true),
    descriptor: optional,
  }),
  subscription: z.strictObject({ id: text, interval: text, price: money, payment_number: count, payments_total: count }),
  customer: z.strictObject({ id: optional, email: text, phone: optional }),
  billing_address: z.strictObject({
    first_name: text,
    last_name: text,
    line1: text,
    line2: optional,
    city: text,
    state: optional,
    postal_code: text,
    country_code: text,
    phone: optional,
  }),
  card: z.strictObject({
    token: z.guid().transform((token) => token.toLowerCase()),
    holder: optional,
    brand: optional,
    kind: optional,
    country: optional,
    bin: optional,
    last4: optional,
    expiry_month: z.int().min(0).max(255).nullish(),
    expiry_year: z.int().min(0).max(65_535).nullish(),
  }),
  metadata: z.record(text, text).optional(),
});

export type Decline = z.infer<typeof shape>;

const withoutAbsent = (value: Json): Json => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const present = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(present.map(([name, field]) => [name, withoutAbsent(field)]));
};

/** What it says: absent fields and an empty metadata are left out. */
export const contentOf = (decline: Decline): Json => {
  const { metadata, ...rest } = decline;
  const isEmpty = metadata === undefined || Object.keys(metadata).length === 0;
  return withoutAbsent((isEmpty ? rest : decline) as Json);
};

/** Reads a decline; no field of it is looked at before the card guard has passed all of them. */
export const read = (value: Json): Decline => {
  const found = find(value);
  if (found !== undefined) {
    throw new Refused(found.rule, found.path, 'The field holds what looks like card data, or its name says so; it must never be sent.');
  }
  const version = value !== null && typeof value === 'object' && !Array.isArray(value) ? value.version : undefined;
  if (typeof version === 'number' && version !== 1) throw new Refused('version', 'version', 'Only version 1 is read.');
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  const path = first?.path.join('.') ?? '';
  throw new Refused('schema', path, `The message has not the shape of a decline: ${first?.code ?? 'invalid'}.`);
};

export type Limits = { ageMaxSeconds: number; daysMin: number; daysMax: number; daysDefault: number };

/** Checks a decline against its merchant's configuration; for how many days its order is held. */
export const screen = (decline: Decline, merchant: Merchant | undefined, limits: Limits, now: number): number => {
  if (merchant === undefined) throw new Refused('merchant_unknown', 'merchant', 'No merchant is configured under this id.');
  if (!merchant.enabled) throw new Refused('merchant_disabled', 'merchant', 'The merchant is switched off.');
  for (const flag of ['merchant_initiated', 'recurring'] as const) {
    if (!decline[flag]) throw new Refused('mit_flags', flag, 'Only recurring merchant-initiated transactions are rescued here; this must be true.');
  }
  checkAmount(decline, merchant);
  const age = now - Date.parse(decline.declined_at);
  if (age < -SKEW_MILLIS) throw new Refused('declined_in_future', 'declined_at', 'The decline lies in the future.');
  if (age > limits.ageMaxSeconds * 1000) throw new Refused('stale', 'declined_at', 'The decline is too old to be rescued.');
  if (decline.site != null && !Object.hasOwn(merchant.sites ?? {}, decline.site)) {
    throw new Refused('site_unknown', 'site', 'The merchant has no site under this name.');
  }
  checkCard(decline.card);
  if (!/^[A-Z]{2}$/.test(decline.billing_address.country_code)) {
    throw new Refused('country', 'billing_address.country_code', 'The country must be two capital letters (ISO 3166-1 alpha-2).');
  }
  if (Object.keys(decline.metadata ?? {}).length > METADATA_ENTRIES_MAX) {
    throw new Refused('schema', 'metadata', `At most ${METADATA_ENTRIES_MAX} entries are taken.`);
  }
  const days = decline.window_days ?? merchant.window_days ?? limits.daysDefault;
  if (days < limits.daysMin || days > limits.daysMax) {
    throw new Refused('window', 'window_days', `The window must be ${limits.daysMin} to ${limits.daysMax} days.`);
  }
  return days;
};

const checkAmount = (decline: Decline, merchant: Merchant): void => {
  const { minor, currency } = decline.amount;
  if (!(merchant.currencies ?? ['USD']).includes(currency)) {
    throw new Refused('currency', 'amount.currency', 'The merchant does not take this currency.');
  }
  if (decline.subscription.price.currency !== currency) {
    throw new Refused('currency', 'subscription.price.currency', "The subscription's price must be in the currency of the amount.");
  }
  const [lowest, highest] = merchant.environment === 'sandbox' ? [11, 19_999] : [1, Number.MAX_SAFE_INTEGER];
  const [least, most] = [merchant.amount_minor_min ?? lowest, merchant.amount_minor_max ?? highest];
  if (minor < least || minor > most) {
    throw new Refused('amount', 'amount.minor', `The amount must be ${least} to ${most} minor units.`);
  }
};

const checkCard = (card: Decline['card']): void => {
  if (card.bin != null && !/^[0-9]{6,8}$/.test(card.bin)) {
    throw new Refused('card', 'card.bin', "The BIN must be the card's first six to eight digits.");
  }
  if (card.last4 != null && !/^[0-9]{4}$/.test(card.last4)) {
    throw new Refused('card', 'card.last4', "This must be the card's last four digits.");
  }
  if (card.expiry_month != null && (card.expiry_month < 1 || card.expiry_month > 12)) {
    throw new Refused('card', 'card.expiry_month', 'The month must be 1 to 12.');
  }
  if (card.expiry_year != null && (card.expiry_year < 2000 || card.expiry_year > 2100)) {
    throw new Refused('card', 'card.expiry_year', 'The year must have four digits.');
  }
};
