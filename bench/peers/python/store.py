"""The orders table: its keys and items are those of shared/order-store/src/dynamo."""

import hashlib
import json
import os
import time
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config

TABLE = os.environ["ORDERS_TABLE"]
COPY_CHARS_MAX = 64 * 1024
MERCHANT_FRESH_SECONDS = 60
DUE_SHARDS = 8
DUE = ("due_at", "due_reason", "due_looks", "due_shard")

config = Config(
    connect_timeout=1, read_timeout=1.5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True, max_pool_connections=20
)
dynamodb = boto3.client("dynamodb", config=config)
ConditionFailed = dynamodb.exceptions.ConditionalCheckFailedException
_merchants: dict[str, tuple[float, dict | None]] = {}


def text(value: str) -> dict:
    return {"S": value}


def number(value: int) -> dict:
    return {"N": str(value)}


def now() -> datetime:
    return datetime.now(timezone.utc)


def stamp(at: datetime) -> str:
    """A time as it is stored: UTC, to the millisecond."""
    return f"{at.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def compact(value: object) -> str:
    """JSON of which the same value always has the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def order_key(merchant: str, order_id: str) -> dict:
    return {"pk": text(f"ORDER#{merchant}#{order_id}"), "sk": text("ORDER")}


def due(key: dict, at: datetime, reason: str, looks: int = 0) -> dict:
    """When somebody must look, with the shard of the index (FNV-1a of the key) that lists it."""
    value = 0xCBF29CE484222325
    for byte in (key["pk"]["S"] + key["sk"]["S"]).encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return {
        "due_shard": text(f"DUE#{value % DUE_SHARDS}"),
        "due_at": number(int(at.timestamp())),
        "due_reason": text(reason),
        "due_looks": number(looks),
    }


def merchant(merchant_id: str) -> dict | None:
    """A merchant's configuration, read once a minute."""
    fresh_until, known = _merchants.get(merchant_id, (0.0, None))
    if time.monotonic() < fresh_until:
        return known
    key = {"pk": text(f"MERCHANT#{merchant_id}"), "sk": text("CONFIG")}
    item = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    found = json.loads(item["config"]["S"]) if item else None
    _merchants[merchant_id] = (time.monotonic() + (MERCHANT_FRESH_SECONDS if found else 5), found)
    return found


def read_order(merchant_id: str, order_id: str) -> dict | None:
    return dynamodb.get_item(TableName=TABLE, Key=order_key(merchant_id, order_id), ConsistentRead=True).get("Item")


def put_new(item: dict) -> dict | None:
    """Stores an item unless there is one under its key; the one that is there, if so."""
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as refused:
        return refused.response["Item"]
    return None


def park(
    merchant_id: str | None,
    arrived_at: str,
    kind: str,
    name: str,
    sentence: str,
    copy: str,
    keep_days: int,
    order_id: str | None = None,
    event: dict | None = None,
    rule: tuple[str, str] | None = None,
) -> None:
    """Keeps what can't be applied; the same thing twice is kept once."""
    item = {
        "pk": text(f"PARKED#{merchant_id or '-'}"),
        "sk": text(f"{arrived_at}#{kind}#{name}"),
        "schema": number(1),
        "kind": text(kind),
        "arrived_at": text(arrived_at),
        "copy": text(copy[:COPY_CHARS_MAX]),
        "fate": text("parked"),
        "sentence": text(sentence),
        "ttl": number(int((now() + timedelta(days=keep_days)).timestamp())),
    }
    if order_id:
        item["order_id"] = text(order_id)
    if rule:
        item |= {"rule": text(rule[0]), "path": text(rule[1])}
    if event:
        item["event"] = text(compact(event))
        item |= due(item, now() + timedelta(minutes=5), "orphan", looks=1)
    put_new(item)


def sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
