"""No card number and no card secret is stored; copies of what was refused are redacted."""

import re
from collections.abc import Iterator

REDACTED = "[redacted]"
# Thirteen digits with at most three characters between them that are neither: most texts have none and are done with here.
MAYBE = re.compile(r"\d(?:[^0-9A-Za-z]{0,3}\d){12,}")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SCHEMES = re.compile(r"4|5[0-8]|6|3[0-9]|2131|1800|2[2-7]|81")
SECRET_PARTS = (
    *("cvv", "cvc", "securitycode", "verificationvalue", "verificationcode"),
    *("cardnumber", "cardcode", "trackdata", "pinblock"),
)
SECRET_NAMES = {"pan", "pin", "cid", "csc", "cvn", "cvd", "track1", "track2"}
RESULT_CODES = {"cvvresult", "cavvresult", "cvvresultcode", "cavvresultcode"}


def holds_card_number(text: str) -> bool:
    """Whether whole groups of digits in the text make up a card number."""
    return any(
        is_card_number("".join(groups[start:end]))
        for run in MAYBE.finditer(text)
        if not GUID.fullmatch(text)
        for groups in [re.findall(r"\d+", run.group())]
        for start in range(len(groups))
        for end in range(start + 1, len(groups) + 1)
    )


def is_card_number(digits: str) -> bool:
    if not 13 <= len(digits) <= 19 or not SCHEMES.match(digits):
        return False
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(map(int, digits[::-2])) + sum(value - 9 if value > 9 else value for value in doubled)
    return total % 10 == 0


def is_secret_name(name: str) -> bool:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain not in RESULT_CODES and (plain in SECRET_NAMES or any(part in plain for part in SECRET_PARTS))


def findings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The rule and the path of each field that may not be stored."""
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            if holds_card_number(str(value)):
                yield "card_number", path
        case list():
            for index, item in enumerate(value):
                yield from findings(item, f"{path}[{index}]")
        case dict():
            for name, field in value.items():
                step = f"{path}.{name}" if path else name
                if holds_card_number(name):
                    yield "card_number", f"{path}.{REDACTED}" if path else REDACTED
                elif field is not None and is_secret_name(name):
                    yield "card_secret", step
                else:
                    yield from findings(field, step)


def redact(value: object) -> object:
    """The same without what `findings` would find."""
    match value:
        case str() | int() | float() if not isinstance(value, bool):
            return REDACTED if holds_card_number(str(value)) else value
        case list():
            return [redact(item) for item in value]
        case dict():
            return {
                REDACTED if holds_card_number(name) else name: REDACTED if is_secret_name(name) else redact(field)
                for name, field in value.items()
            }
    return value


def redact_unparsed(text: str) -> str:
    """Without structure no digit can be trusted: all of them go."""
    return re.sub(r"\d", "#", text)
