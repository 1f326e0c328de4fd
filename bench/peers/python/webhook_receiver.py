"""Verifies FlexFactor's webhooks and applies them. Powertools' idempotency sees to it that an event is applied once; a
conditional update, that orders only move up in rank, whatever the order in which events come."""

import base64
import hashlib
import hmac
import json
import os
from datetime import datetime
from email.utils import parsedate_to_datetime

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext

import cards
import store

BODY_BYTES_MAX = 64 * 1024
NONCE_CHARS_MAX = 128
SECRET_FRESH_SECONDS = 300
SCHEME = "HMAC-SHA512 SignedHeaders=x-fc-nonce;x-fc-date;host;x-fc-content-sha512&Signature="
HOST = os.environ["WEBHOOK_HOST"]
DATE_WINDOW_SECONDS = int(os.environ["WEBHOOK_DATE_WINDOW_SECONDS"])
KEEP_DAYS = int(os.environ["PARKED_COPY_DAYS"])

# Statuses by rank: an event moves an order up, or is only remembered (shared/models/src/status.rs).
RANKS = (
    *("received", "submitting", "unknown", "rejected", "pending", "capture_required"),
    *("escalated", "expired", "cancelled", "declined", "approved"),
)
STATUS_AFTER = {
    "order.completed": "approved",
    "order.expired": "expired",
    "order.cancelled": "cancelled",
    "order.capturerequired": "capture_required",
}
FACET_OF = {"order.refunded": "refund", "payment.chargeback.received": "dispute"}
PROGRESS = {"challenge.presented", "challenge.attempted", "challenge.passed", "challenge.failed"}
OF_ACCOUNTS = {"payout.created", "payout.updated"}
KIND_OF = {
    "order.completed": "completed",
    "order.expired": "expired",
    "order.cancelled": "cancelled",
    "order.capturerequired": "capture_required",
    "order.refunded": "refunded",
    "payment.chargeback.received": "chargeback",
}
NO_ERRAND = (
    "(attribute_not_exists(refund) OR refund <> :signalled) AND (attribute_not_exists(dispute) OR dispute <> :signalled) "
    "AND attribute_not_exists(wish) AND attribute_not_exists(refund_under_way_minor)"
)

logger = Logger(service="webhook-receiver")
metrics = Metrics(namespace="RebillRescue", service="webhook-receiver")
secrets = parameters.SecretsProvider(boto_config=store.config)
idempotency = IdempotencyConfig(event_key_jmespath="[merchant, order_id, name, occurred_at]", expires_after_seconds=30 * 86_400)
deliveries = DynamoDBPersistenceLayer(
    table_name=store.TABLE, key_attr="pk", sort_key_attr="sk", expiry_attr="ttl", boto3_client=store.dynamodb
)


class Forged(Exception):
    """It is not FlexFactor's; which check it failed goes to the log alone."""


def webhook_keys(merchant: str, force: bool = False) -> list[bytes]:
    name = os.environ["MERCHANT_SECRET_PREFIX"] + merchant
    secret = secrets.get(name, max_age=SECRET_FRESH_SECONDS, transform="json", force_fetch=force)
    return [base64.b64decode(key) for key in secret["webhook_keys"]]


def signature(headers: dict, body: bytes) -> tuple[bytes, bytes]:
    """What was signed, and the signature; a header that comes twice has a comma and fails."""
    try:
        claimed, date, nonce = headers["x-fc-content-sha512"], headers["x-fc-date"], headers["x-fc-nonce"]
        authorization = headers["x-fc-authorization"]
    except KeyError:
        raise Forged("header_missing") from None
    if not authorization.startswith(SCHEME):
        raise Forged("authorization")
    if not 0 < len(nonce) <= NONCE_CHARS_MAX or not nonce.replace("-", "a").isalnum() or not nonce.isascii():
        raise Forged("nonce")
    content_hash = base64.b64encode(hashlib.sha512(body).digest()).decode()
    if content_hash != claimed:
        raise Forged("content_hash")
    try:
        age = (store.now() - parsedate_to_datetime(date)).total_seconds()
        given = base64.b64decode(authorization.removeprefix(SCHEME), validate=True)
    except (TypeError, ValueError):
        raise Forged("date") from None
    if abs(age) > DATE_WINDOW_SECONDS:
        raise Forged("date_window")
    return f"POST\n{nonce};{date};{HOST};{content_hash}".encode(), given


def verify(merchant: str, headers: dict, body: bytes) -> None:
    signed, given = signature(headers, body)
    # A signature that fails may be one by a key that the cached secret does not have yet.
    for force in (False, True):
        keys = webhook_keys(merchant, force)
        if any([hmac.compare_digest(hmac.digest(key, signed, "sha512"), given) for key in keys]):
            return
    raise Forged("signature")


def park(merchant: str, body: bytes, kind: str, sentence: str, event: dict | None = None) -> None:
    if kind != "account_event":
        metrics.add_metric(name="ParkedEvents", unit=MetricUnit.Count, value=1)
    try:
        value = json.loads(body)
        copy = store.compact(cards.redact(value))
        name = store.sha256(store.compact({key: field for key, field in value.items() if key != "IsResent"}))[:16]
        at, order_id = datetime.fromisoformat(value["TimeStamp"]), value.get("ExternalOrderId")
    except (ValueError, AttributeError, KeyError, TypeError):
        copy, name = cards.redact_unparsed(body.decode(errors="replace")), hashlib.sha256(body).hexdigest()[:16]
        at, order_id = datetime.fromisoformat("1970-01-01T00:00:00Z"), None
    store.park(merchant, store.stamp(at), kind, name, sentence, copy, KEEP_DAYS, order_id=order_id, event=event)
    logger.warning("an event was parked", kind=kind, parked_id=name)


def update(event: dict, guarded: bool, order: dict | None = None) -> None:
    """One conditional write. With the order in hand it holds for just this version, and an errand keeps its look."""
    key, name = store.order_key(event["merchant"], event["order_id"]), event["name"]
    values = {":now": store.text(store.stamp(store.now())), ":one": store.number(1), ":provider": store.text(event["provider_order"])}
    names = {"#version": "version"}
    sets = ["updated_at = :now", "#version = #version + :one", "provider_order = :provider"]
    removes: list[str] = []
    conditions = ["attribute_exists(pk)", "(attribute_not_exists(provider_order) OR provider_order = :provider)"]
    looks = {}
    if status := STATUS_AFTER.get(name) if guarded else None:
        lower = {f":s{rank}": store.text(word) for rank, word in enumerate(RANKS[: RANKS.index(status)])}
        values |= lower | {":status": store.text(status), ":webhook": store.text("webhook"), ":name": store.text(name)}
        names["#status"] = "status"
        conditions.append(f"#status IN ({', '.join(lower)})")
        sets += ["#status = :status", "reason = :webhook", "reason_detail = :name"]
        removes += ["lease_until", "#request"]
        names["#request"] = "request"
        if order is None:
            conditions.append(NO_ERRAND)
            values[":signalled"] = store.text("signalled")
        if status == "capture_required":
            looks = store.due(key, store.now(), "webhook_overdue")
        elif order is None or not has_errand(order):
            removes += store.DUE
    elif facet := FACET_OF.get(name):
        values[":signalled"] = store.text("signalled")
        sets.append(f"{facet} = :signalled")
        looks = store.due(key, store.now(), "money_signal")
    if order is not None:
        conditions.append("#version = :version")
        values[":version"] = order["version"]
    if event["confirmation"]:
        sets.append("confirmation = :confirmation")
        values[":confirmation"] = store.text(event["confirmation"])
    sets += [f"{attribute} = :{attribute}" for attribute in looks]
    values |= {f":{attribute}": value for attribute, value in looks.items()}
    expression = "SET " + ", ".join(sets) + (" REMOVE " + ", ".join(removes) if removes else "")
    store.dynamodb.update_item(
        TableName=store.TABLE,
        Key=key,
        UpdateExpression=expression,
        ConditionExpression=" AND ".join(conditions),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )


def has_errand(order: dict) -> bool:
    signalled = any(order.get(facet, {}).get("S") == "signalled" for facet in FACET_OF.values())
    return signalled or order.get("wish_state", {}).get("S") == "open" or "refund_under_way_minor" in order


@idempotent_function(data_keyword_argument="event", persistence_store=deliveries, config=idempotency)
def apply(*, event: dict, body: bytes) -> str:
    """Applies an event to its order, or parks it. The answer is remembered: the same event again is answered from it."""
    try:
        update(event, guarded=True)
        return "applied"
    except store.ConditionFailed as refused:
        order = refused.response.get("Item")
    if order is None:
        kept = {name: event[name] for name in ("name", "occurred_at", "order_id", "provider_order", "confirmation", "nonce")}
        kept["kind"] = KIND_OF.get(event["name"], "progress")
        park(event["merchant"], body, "orphan_event", "No order of ours has this id.", kept)
        return "orphan"
    if order.get("provider_order", {}).get("S", event["provider_order"]) != event["provider_order"]:
        park(event["merchant"], body, "mismatched_event", "The order is known under another id of the provider's.")
        return "mismatched"
    status = STATUS_AFTER.get(event["name"])
    is_above = status is not None and RANKS.index(order["status"]["S"]) < RANKS.index(status)
    # Refused again only where the order changed in between; the error asks for the webhook again.
    update(event, guarded=is_above, order=order)
    return "applied" if is_above else "noted"


def receive(merchant: str, environment: str, nonce: str, body: bytes) -> None:
    """What a verified webhook says, and what is done about it."""
    try:
        value = json.loads(body)
        name, is_test = value["Event"], value["IsTestMode"]
        event = {
            "merchant": merchant,
            "name": name.lower(),
            "occurred_at": value["TimeStamp"],
            "order_id": value.get("ExternalOrderId"),
            "provider_order": value.get("OrderId"),
            "confirmation": value.get("ConfirmationId"),
            "nonce": nonce,
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return park(merchant, body, "unknown_event", "The body has not the shape of an event.")
    if is_test is not (environment == "sandbox"):
        raise Forged("test_mode")
    if event["name"] in OF_ACCOUNTS:
        return park(merchant, body, "account_event", "The event is about the merchant's account and is only kept.")
    if event["name"] not in STATUS_AFTER.keys() | FACET_OF.keys() | PROGRESS:
        return park(merchant, body, "unknown_event", "The event's name is not known.")
    if not event["order_id"] or not event["provider_order"]:
        return park(merchant, body, "unknown_event", "The event names no order that could be ours.")
    logger.info("an event was taken", order_id=event["order_id"], event_name=name, result=apply(event=event, body=body))


def answer(status: int, code: str = "") -> dict:
    return {"statusCode": status, "body": json.dumps({"code": code}) if code else ""}


@logger.inject_lambda_context
@metrics.log_metrics
@event_source(data_class=APIGatewayProxyEventV2)
def handler(event: APIGatewayProxyEventV2, context: LambdaContext) -> dict:
    idempotency.register_lambda_context(context)
    merchant = event.raw_path.rstrip("/").rpartition("/webhooks/")[2]
    try:
        found = store.merchant(merchant)
        if found is None:
            return answer(404, "unknown_merchant")
        body = base64.b64decode(event.body or "") if event.is_base64_encoded else (event.body or "").encode()
        if len(body) > BODY_BYTES_MAX:
            return answer(413, "too_large")
        verify(merchant, event.headers, body)
        receive(merchant, found["environment"], event.headers["x-fc-nonce"], body)
        return answer(200)
    except Forged as forged:
        metrics.add_metric(name="ForgedWebhooks", unit=MetricUnit.Count, value=1)
        logger.warning("a webhook was refused", merchant=merchant, check=str(forged))
        return answer(401, "not_verified")
    except Exception:
        logger.exception("a webhook could not be taken; it must be sent again", merchant=merchant)
        return answer(503, "unavailable")
