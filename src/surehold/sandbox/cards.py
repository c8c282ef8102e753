"""The test cards. Only these work: a number that could be real is refused, not remembered."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final, Literal

import msgspec

MAX_NAME_LETTERS: Final = 100


class Outcome(enum.Enum):
    """What the imaginary bank does with a card."""

    CAPTURE = "capture"
    DECLINE = "decline"
    CHALLENGE = "challenge"
    CHALLENGE_THEN_DECLINE = "challenge_then_decline"
    SLOW_CAPTURE = "slow_capture"
    SLOW_DECLINE = "slow_decline"


#: What a decline says to the buyer.
DECLINE_MESSAGES: Final = {
    "insufficient_funds": "The card does not have enough money on it.",
    "do_not_honor": "The bank declined the card without giving a reason.",
    "expired_card": "The bank says that the card has expired.",
    "lost_card": "The card was reported lost.",
    "incorrect_cvc": "The security code is not right.",
    "processing_error": "The bank had a technical problem.",
    "authentication_refused": "The payment was not confirmed with the bank.",
}


class TestCard(msgspec.Struct, frozen=True, kw_only=True):
    """One card of the imaginary bank and how it behaves."""

    __test__ = False  # pytest would take the name for a test

    name: str
    number: str
    label: str
    outcome: Outcome = Outcome.CAPTURE
    decline_code: str | None = None
    charge: Literal["once", "twice", "one_short"] = "once"
    loses_answer: bool = False
    refunds_fail: bool = False
    disputes: bool = False
    webhook_copies: int = 1
    webhook_delay_seconds: float = 0

    @property
    def spaced(self) -> str:
        """The number in groups of four, as printed on a card."""
        return " ".join(self.number[index : index + 4] for index in range(0, 16, 4))


def _declined(name: str, number: str, label: str) -> TestCard:
    return TestCard(
        name=name, number=number, label=label, outcome=Outcome.DECLINE, decline_code=name
    )


CARDS: Final = (
    TestCard(name="success", number="4242424242424242", label="Pays"),
    TestCard(name="success_other_brand", number="5555555555554444", label="Pays, other brand"),
    TestCard(
        name="challenge",
        number="4000002500003155",
        label="Bank asks to confirm (3-D Secure)",
        outcome=Outcome.CHALLENGE,
    ),
    TestCard(
        name="challenge_then_decline",
        number="4000000000010019",
        label="Confirmed, then declined",
        outcome=Outcome.CHALLENGE_THEN_DECLINE,
        decline_code="do_not_honor",
    ),
    _declined("insufficient_funds", "4000000000009995", "Not enough money"),
    _declined("do_not_honor", "4000000000000002", "Declined, no reason"),
    _declined("expired_card", "4000000000000069", "Expired, says the bank"),
    _declined("lost_card", "4000000000009987", "Reported lost"),
    _declined("incorrect_cvc", "4000000000000127", "Wrong security code"),
    _declined("processing_error", "4000000000000119", "Technical problem"),
    TestCard(
        name="slow_bank",
        number="4000000000000077",
        label="Slow bank, then pays",
        outcome=Outcome.SLOW_CAPTURE,
    ),
    TestCard(
        name="slow_bank_declines",
        number="4000000000010027",
        label="Slow bank, then declines",
        outcome=Outcome.SLOW_DECLINE,
        decline_code="do_not_honor",
    ),
    TestCard(
        name="lost_answer",
        number="4000000000010035",
        label="Pays, but the answer is lost",
        loses_answer=True,
    ),
    TestCard(
        name="charged_twice", number="4000000000010043", label="Charged twice", charge="twice"
    ),
    TestCard(
        name="one_short", number="4000000000010050", label="Charged one cent less",
        charge="one_short",
    ),
    TestCard(name="no_webhook", number="4000000000010068", label="Pays, webhook never comes",
             webhook_copies=0),
    TestCard(name="three_webhooks", number="4000000000010076", label="Pays, webhook comes 3 times",
             webhook_copies=3),
    TestCard(name="late_webhook", number="4000000000010084", label="Pays, webhook 20 seconds late",
             webhook_delay_seconds=20),
    TestCard(name="refunds_fail", number="4000000000005126", label="Pays, refunds fail",
             refunds_fail=True),
    TestCard(name="disputes", number="4000000000000259", label="Pays, then is disputed",
             disputes=True),
)  # fmt: skip
_BY_NUMBER: Final = {card.number: card for card in CARDS}
_BY_NAME: Final = {card.name: card for card in CARDS}


class CardEntry(msgspec.Struct, frozen=True):
    """What a person typed."""

    number: str
    expiry: str
    code: str
    name: str


def find_by_name(name: str | None) -> TestCard | None:
    """The test card of that name."""
    return _BY_NAME.get(name or "")


def brand(number: str) -> str:
    """The card scheme, by the first digit."""
    return {"4": "visa", "5": "mastercard"}.get(number[:1], "card")


def read(entry: CardEntry, *, now: datetime) -> tuple[TestCard | None, dict[str, str]]:
    """Read a typed card: the card, or every fault by field.

    A number that passes as a card number but is none of ours is a fault too: somebody may have
    typed a real one.
    """
    number = "".join(letter for letter in entry.number if letter not in " -")
    card = _BY_NUMBER.get(number)
    faults = {
        "number": _number_fault(number, card),
        "expiry": _expiry_fault(entry.expiry, now=now),
        "code": None if _is_digits(entry.code.strip(), 3, 4) else "Three or four digits.",
        "name": _name_fault(entry.name),
    }
    found = {field: fault for field, fault in faults.items() if fault is not None}
    return (None if found else card), found


def passes_luhn(number: str) -> bool:
    """Whether the check digit fits.

    >>> passes_luhn("4242424242424242"), passes_luhn("4242424242424241")
    (True, False)

    Source: ISO/IEC 7812-1, annex B.
    """
    doubled = [int(digit) * 2 for digit in number[-2::-2]]
    plain = [int(digit) for digit in number[-1::-2]]
    return (sum(plain) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


def _is_digits(text: str, fewest: int, most: int) -> bool:
    return fewest <= len(text) <= most and text.isascii() and text.isdigit()


def _number_fault(number: str, card: TestCard | None) -> str | None:
    if not _is_digits(number, 12, 19):
        return "A card number has 12 to 19 digits."
    if not passes_luhn(number):
        return "This is not a card number; check the digits."
    if card is None:
        return "Only the test cards on this page work. Never type a real card here."
    return None


def _expiry_fault(text: str, *, now: datetime) -> str | None:
    month_text, _, year_text = text.replace(" ", "").partition("/")
    if not (_is_digits(month_text, 1, 2) and len(year_text) in (2, 4)):
        return "Write month and year, such as 12/34."
    if not _is_digits(year_text, 2, 4) or not 1 <= int(month_text) <= 12:
        return "Write month and year, such as 12/34."
    year = int(year_text) + (2000 if len(year_text) == 2 else 0)
    if (year, int(month_text)) < (now.year, now.month):
        return "This card has expired."
    return None


def _name_fault(name: str) -> str | None:
    if not name.strip():
        return "Type the name on the card."
    if len(name) > MAX_NAME_LETTERS:
        return f"At most {MAX_NAME_LETTERS} letters."
    return None
