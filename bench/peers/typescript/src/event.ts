// Events about an order, and the conditional update that applies one (shared/models/src/event.rs, status.rs).
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { documents, due, type Item, orderKey, stamp, TABLE } from './store';

export type OrderEvent = {
  merchant: string;
  name: string;
  occurredAt: string;
  orderId: string;
  providerOrder: string;
  confirmation?: string | null;
  nonce: string;
};

// Statuses by rank: an event moves an order up, or is only remembered.
const RANKS = [
  ...['received', 'submitting', 'unknown', 'rejected', 'pending', 'capture_required'],
  ...['escalated', 'expired', 'cancelled', 'declined', 'approved'],
];
export const STATUS_AFTER: Record<string, string> = {
  'order.completed': 'approved',
  'order.expired': 'expired',
  'order.cancelled': 'cancelled',
  'order.capturerequired': 'capture_required',
};
export const FACET_OF: Record<string, string> = { 'order.refunded': 'refund', 'payment.chargeback.received': 'dispute' };
export const PROGRESS = new Set(['challenge.presented', 'challenge.attempted', 'challenge.passed', 'challenge.failed']);
export const KIND_OF: Record<string, string> = {
  'order.completed': 'completed',
  'order.expired': 'expired',
  'order.cancelled': 'cancelled',
  'order.capturerequired': 'capture_required',
  'order.refunded': 'refunded',
  'payment.chargeback.received': 'chargeback',
};
const DUE = ['due_at', 'due_reason', 'due_looks', 'due_shard'];
const NO_ERRAND =
  '(attribute_not_exists(refund) OR refund <> :signalled) AND (attribute_not_exists(dispute) OR dispute <> :signalled) ' +
  'AND attribute_not_exists(wish) AND attribute_not_exists(refund_under_way_minor)';

/** Whether the order is of a lower rank than the event leads to. */
export const isAbove = (event: OrderEvent, order: Item): boolean => {
  const status = STATUS_AFTER[event.name];
  return status !== undefined && RANKS.indexOf(order.status) < RANKS.indexOf(status);
};

const hasErrand = (order: Item): boolean =>
  order.refund === 'signalled' || order.dispute === 'signalled' || order.wish_state === 'open' || 'refund_under_way_minor' in order;

/** One conditional write. With the order in hand it holds for just this version, and an errand keeps its look. */
export const update = async (event: OrderEvent, isGuarded: boolean, order?: Item): Promise<void> => {
  const key = orderKey(event.merchant, event.orderId);
  const values: Item = { ':now': stamp(new Date()), ':one': 1, ':provider': event.providerOrder };
  const names: Record<string, string> = { '#version': 'version' };
  const sets = ['updated_at = :now', '#version = #version + :one', 'provider_order = :provider'];
  const removes: string[] = [];
  const conditions = ['attribute_exists(pk)', '(attribute_not_exists(provider_order) OR provider_order = :provider)'];
  let looks: Item = {};
  const status = isGuarded ? STATUS_AFTER[event.name] : undefined;
  const facet = FACET_OF[event.name];
  if (status !== undefined) {
    const lower = RANKS.slice(0, RANKS.indexOf(status)).map((word, rank): [string, string] => [`:s${rank}`, word]);
    Object.assign(values, Object.fromEntries(lower), { ':status': status, ':webhook': 'webhook', ':name': event.name });
    Object.assign(names, { '#status': 'status', '#request': 'request' });
    conditions.push(`#status IN (${lower.map(([name]) => name).join(', ')})`);
    sets.push('#status = :status', 'reason = :webhook', 'reason_detail = :name');
    removes.push('lease_until', '#request');
    if (order === undefined) {
      conditions.push(NO_ERRAND);
      values[':signalled'] = 'signalled';
    }
    if (status === 'capture_required') looks = due(key, new Date(), 'webhook_overdue');
    else if (order === undefined || !hasErrand(order)) removes.push(...DUE);
  } else if (facet !== undefined) {
    values[':signalled'] = 'signalled';
    sets.push(`${facet} = :signalled`);
    looks = due(key, new Date(), 'money_signal');
  }
  if (order !== undefined) {
    conditions.push('#version = :version');
    values[':version'] = order.version;
  }
  if (event.confirmation) {
    sets.push('confirmation = :confirmation');
    values[':confirmation'] = event.confirmation;
  }
  for (const [attribute, value] of Object.entries(looks)) {
    sets.push(`${attribute} = :${attribute}`);
    values[`:${attribute}`] = value;
  }
  const removed = removes.length === 0 ? '' : ` REMOVE ${removes.join(', ')}`;
  await documents.send(
    new UpdateCommand({
      TableName: TABLE,
      Key: key,
      UpdateExpression: `SET ${sets.join(', ')}${removed}`,
      ConditionExpression: conditions.join(' AND '),
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  );
};
