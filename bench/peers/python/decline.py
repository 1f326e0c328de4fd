"""The decline message: its shape, and the rules that it is screened by (shared/models/src/decline.rs, screening.rs)."""

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal
from uuid import UUID

import cards
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

SKEW = timedelta(seconds=300)
SANDBOX_AMOUNTS = (11, 19_999)
COUNTRY = re.compile(r"[A-Z]{2}")


class Refused(Exception):
    """A rule's stable id, the field's path, and a sentence that quotes no value."""

    def __init__(self, rule: str, path: str, sentence: str):
        super().__init__(rule)
        self.rule, self.path, self.sentence = rule, path, sentence


def parsed_time(value: str) -> str:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("must have a time zone")
    at = at.astimezone(timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}" + (f".{at.microsecond:06d}".rstrip("0") if at.microsecond else "") + "Z"


Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$")]
Time = Annotated[str, AfterValidator(parsed_time)]
Guid = Annotated[str, AfterValidator(lambda value: str(UUID(value)))]
Count = Annotated[int, Field(ge=1, lt=2**32)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Money(Message):
    minor: Annotated[int, Field(ge=0, lt=2**64)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Transaction(Message):
    id: Text
    response_code: Text
    response_code_source: Text
    response_text: Text | None = None
    status: Text | None = None
    processor: Text | None = None
    avs_result: Text
    cvv_result: Text
    cavv_result: Text
    card_not_present: bool = True
    descriptor: Text | None = None


class Subscription(Message):
    id: Text
    interval: Text
    price: Money
    payment_number: Count | None = None
    payments_total: Count | None = None


class Customer(Message):
    id: Text | None = None
    email: Text
    phone: Text | None = None


class Address(Message):
    first_name: Text
    last_name: Text
    line1: Text
    line2: Text | None = None
    city: Text
    state: Text | None = None
    postal_code: Text
    country_code: Text
    phone: Text | None = None


class Card(Message):
    token: Guid
    holder: Text | None = None
    brand: Text | None = None
    kind: Text | None = None
    country: Text | None = None
    bin: Text | None = None
    last4: Text | None = None
    expiry_month: Annotated[int, Field(ge=0, le=255)] | None = None
    expiry_year: Annotated[int, Field(ge=0, le=65_535)] | None = None


class Decline(Message):
    version: Literal[1]
    merchant: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    order_id: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]
    declined_at: Time
    merchant_initiated: bool
    recurring: bool
    amount: Money
    site: Text | None = None
    window_days: Annotated[int, Field(ge=0, le=65_535)] | None = None
    transaction: Transaction
    subscription: Subscription
    customer: Customer
    billing_address: Address
    card: Card
    metadata: dict[Text, Text] = {}

    def content(self) -> dict:
        """What it says: absent fields and an empty metadata are left out."""
        content = self.model_dump(exclude_none=True)
        return content if self.metadata else {name: field for name, field in content.items() if name != "metadata"}


def read(value: object) -> Decline:
    """Reads a decline; no field of it is looked at before the card guard has passed all of them."""
    for rule, path in cards.findings(value):
        raise Refused(rule, path, "The field holds what looks like card data, or its name says so; it must never be sent.")
    told = value.get("version") if isinstance(value, dict) else None
    if isinstance(told, int) and told != 1:
        raise Refused("version", "version", "Only version 1 is read.")
    try:
        return Decline.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise Refused("schema", path, f"The message has not the shape of a decline: {first['msg']}.") from None


def screen(decline: Decline, merchant: dict | None, age_max: int, days: tuple[int, int, int], now: datetime) -> int:
    """Checks a decline against its merchant's configuration; for how many days its order is held."""
    if merchant is None:
        raise Refused("merchant_unknown", "merchant", "No merchant is configured under this id.")
    if not merchant["enabled"]:
        raise Refused("merchant_disabled", "merchant", "The merchant is switched off.")
    for flag in ("merchant_initiated", "recurring"):
        if not getattr(decline, flag):
            raise Refused("mit_flags", flag, "Only recurring merchant-initiated transactions are rescued here; this must be true.")
    check_amount(decline, merchant)
    age = now - datetime.fromisoformat(decline.declined_at)
    if age < -SKEW:
        raise Refused("declined_in_future", "declined_at", "The decline lies in the future.")
    if age > timedelta(seconds=age_max):
        raise Refused("stale", "declined_at", "The decline is too old to be rescued.")
    if decline.site is not None and decline.site not in merchant.get("sites", {}):
        raise Refused("site_unknown", "site", "The merchant has no site under this name.")
    check_card(decline.card)
    if not COUNTRY.fullmatch(decline.billing_address.country_code):
        raise Refused("country", "billing_address.country_code", "The country must be two capital letters (ISO 3166-1 alpha-2).")
    if len(decline.metadata) > 20:
        raise Refused("schema", "metadata", "At most 20 entries are taken.")
    least, most, default = days
    window = decline.window_days or merchant.get("window_days") or default
    if not least <= window <= most:
        raise Refused("window", "window_days", f"The window must be {least} to {most} days.")
    return window


def check_amount(decline: Decline, merchant: dict) -> None:
    currency = decline.amount.currency
    if currency not in merchant.get("currencies", ["USD"]):
        raise Refused("currency", "amount.currency", "The merchant does not take this currency.")
    if decline.subscription.price.currency != currency:
        raise Refused("currency", "subscription.price.currency", "The subscription's price must be in the currency of the amount.")
    least, most = SANDBOX_AMOUNTS if merchant["environment"] == "sandbox" else (1, 2**64 - 1)
    least, most = merchant.get("amount_minor_min", least), merchant.get("amount_minor_max", most)
    if not least <= decline.amount.minor <= most:
        raise Refused("amount", "amount.minor", f"The amount must be {least} to {most} minor units.")


def check_card(card: Card) -> None:
    if card.bin is not None and not re.fullmatch(r"[0-9]{6,8}", card.bin):
        raise Refused("card", "card.bin", "The BIN must be the card's first six to eight digits.")
    if card.last4 is not None and not re.fullmatch(r"[0-9]{4}", card.last4):
        raise Refused("card", "card.last4", "This must be the card's last four digits.")
    if card.expiry_month is not None and not 1 <= card.expiry_month <= 12:
        raise Refused("card", "card.expiry_month", "The month must be 1 to 12.")
    if card.expiry_year is not None and not 2000 <= card.expiry_year <= 2100:
        raise Refused("card", "card.expiry_year", "The year must have four digits.")
