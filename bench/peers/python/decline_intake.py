"""Takes declined rebills from SQS, screens them and stores them as orders. The conditional write makes it idempotent: an
idempotency record of its own would cost two more writes and add nothing."""

import asyncio
import json
import os
from datetime import datetime, timedelta, timezone

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import cards
import store
from decline import Decline, Refused, read, screen

BODY_BYTES_MAX = 64 * 1024
QUEUE_URL = os.environ["EVALUATIONS_QUEUE_URL"]
AGE_MAX = int(os.environ["DECLINE_AGE_MAX_SECONDS"])
DAYS = tuple(int(os.environ[f"WINDOW_DAYS_{name}"]) for name in ("MIN", "MAX", "DEFAULT"))
OVERDUE = timedelta(seconds=int(os.environ["SUBMISSION_OVERDUE_SECONDS"]))
KEEP_DAYS = int(os.environ["REJECTED_COPY_DAYS"])

logger = Logger(service="decline-intake")
metrics = Metrics(namespace="RebillRescue", service="decline-intake")
sqs = boto3.client("sqs", config=store.config)
processor = AsyncBatchProcessor(event_type=EventType.SQS)


def hand_on(decline: Decline) -> None:
    body = store.compact({"merchant": decline.merchant, "order_id": decline.order_id})
    sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=body)


def order_item(decline: Decline, request: str, window_days: int) -> dict:
    now = store.now()
    key = store.order_key(decline.merchant, decline.order_id)
    transaction = decline.transaction
    item = key | {
        "schema": store.number(1),
        "status": store.text("received"),
        "attempts": store.number(0),
        "amount_minor": store.number(decline.amount.minor),
        "currency": store.text(decline.amount.currency),
        "declined_at": store.text(store.stamp(datetime.fromisoformat(decline.declined_at))),
        "received_at": store.text(store.stamp(now)),
        "expires_at": store.text(store.stamp(now + timedelta(days=window_days))),
        "updated_at": store.text(store.stamp(now)),
        "content": store.text(store.sha256(request)),
        "request": store.text(request),
        "version": store.number(1),
        "response_code": store.text(transaction.response_code),
        "response_code_source": store.text(transaction.response_code_source),
    }
    facts = {"site": decline.site, "descriptor": transaction.descriptor}
    item |= {name: store.text(fact) for name, fact in facts.items() if fact is not None}
    return item | store.due(key, now + OVERDUE, "submission_overdue")


def repeated(decline: Decline, stored: dict) -> None:
    if stored["status"]["S"] == "received":
        # The process that stored it may have died before it handed it on.
        hand_on(decline)
    logger.info("the same decline came again", order_id=decline.order_id)


def store_order(decline: Decline, value: dict, message_id: str, arrived_at: str) -> None:
    request = store.compact(decline.content())
    try:
        days = screen(decline, store.merchant(decline.merchant), AGE_MAX, DAYS, store.now())
    except Refused:
        stored = store.read_order(decline.merchant, decline.order_id)
        if stored and stored["content"]["S"] == store.sha256(request):
            return repeated(decline, stored)
        raise
    stored = store.put_new(order_item(decline, request, days))
    if stored is None:
        hand_on(decline)
        logger.info("a decline was taken", order_id=decline.order_id)
    elif stored["content"]["S"] == store.sha256(request):
        repeated(decline, stored)
    else:
        metrics.add_metric(name="DeclineConflicts", unit=MetricUnit.Count, value=1)
        logger.warning("another decline came under an id that is taken", order_id=decline.order_id)
        sentence = "Another decline is stored under this merchant and order id; an id names one order only."
        copy = store.compact(cards.redact(value))
        store.park(decline.merchant, arrived_at, "conflict", message_id, sentence, copy, KEEP_DAYS, order_id=decline.order_id)


def refuse(value: object, body: str, refused: Refused, message_id: str, arrived_at: str) -> None:
    metrics.add_metric(name="RejectedDeclines", unit=MetricUnit.Count, value=1)
    logger.warning("a decline was refused", message_id=message_id, rule=refused.rule, path=refused.path)
    if value is None:
        kind, copy, named = "unparseable", cards.redact_unparsed(body), {}
    else:
        kind, copy, named = "refused", store.compact(cards.redact(value)), value if isinstance(value, dict) else {}
    merchant, order_id = (text_id(named.get(name)) for name in ("merchant", "order_id"))
    if merchant and store.merchant(merchant) is None:
        merchant = None
    rule = (refused.rule, refused.path)
    store.park(merchant, arrived_at, kind, message_id, refused.sentence, copy, KEEP_DAYS, order_id=order_id, rule=rule)


def text_id(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 100 and not cards.holds_card_number(value) else None


def take(record: SQSRecord) -> None:
    """Keeps one decline for good: as an order, as a repeat of one, or parked with its reason."""
    sent_at = int(record.attributes.sent_timestamp) / 1000
    arrived_at = store.stamp(datetime.fromtimestamp(sent_at, timezone.utc))
    body, value = record.body, None
    try:
        if len(body.encode()) > BODY_BYTES_MAX:
            raise Refused("too_large", "", f"The message is longer than {BODY_BYTES_MAX} bytes.")
        try:
            value = json.loads(body)
        except ValueError:
            raise Refused("not_json", "", "The message is not JSON.") from None
        store_order(read(value), value, record.message_id, arrived_at)
    except Refused as refused:
        refuse(value, body, refused, record.message_id, arrived_at)


async def take_beside_others(record: SQSRecord) -> None:
    """boto3 waits in a thread, so that the batch's records wait side by side."""
    await asyncio.to_thread(take, record)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict, context: LambdaContext) -> dict:
    return async_process_partial_response(event=event, record_handler=take_beside_others, processor=processor, context=context)
