"""What happened in the demo shop, and when: decided beforehand, by dice that always fall alike.

Pure. A life is an order from its placement on, as far as its fate has it; each step has its
instant. What lies after the end of the plan does not happen: it is the present by then.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import msgspec

from surehold.demo.load import DemoCatalog, ProductEntry, VariantEntry
from surehold.demo.opinions import opinion
from surehold.demo.people import BUYER, Person, people
from surehold.reviews.rules import Words

DAYS: Final = 90
ORDERS: Final = 400
SEED: Final = 20
#: Reviews that nobody of the staff has decided about, and those that were refused.
WAITING_REVIEWS: Final = 3
#: Of a hundred orders, so many are placed by guests.
_GUESTS: Final = 22
#: Accounts beside the printed one, for so many orders each.
_ORDERS_EACH: Final = 9
#: So many of a hundred parcels that arrived are written about.
_WRITTEN_ABOUT: Final = 68
_VISITORS: Final = 20
_LINES: Final = (52, 28, 14, 6)
_UNITS: Final = (86, 11, 3)
#: Monday first: people order when the week is over.
_WEEKDAYS: Final = (11, 9, 9, 10, 9, 12, 15)
#: From midnight on: little by night, most in the evening.
_HOURS: Final = (1, 1, 0, 0, 0, 1, 2, 4, 5, 6, 7, 7, 9, 7, 6, 6, 7, 9, 11, 14, 16, 13, 8, 3)
#: In the last days nothing is delivered to the store: what is sold then is gone from the shelf.
_SHELF_DAYS: Final = 6


class Verb(enum.Enum):
    """One thing that people did; ``lives`` says how each is done."""

    PLACE = "place"
    PAY = "pay"
    PAY_LESS = "pay_less"
    CONFIRM = "confirm"
    PROCESS = "process"
    PACK = "pack"
    SHIP = "ship"
    SHIP_PART = "ship_part"
    MOVE = "move"
    DELIVER = "deliver"
    ARCHIVE = "archive"
    EXPIRE = "expire"
    GIVE_UP = "give_up"
    REJECT_TRANSFER = "reject_transfer"
    CANCEL = "cancel"
    CANCEL_PART = "cancel_part"
    REFUND = "refund"
    REFUND_PART = "refund_part"
    PAY_BACK = "pay_back"
    ASK_RETURN = "ask_return"
    APPROVE_RETURN = "approve_return"
    REJECT_RETURN = "reject_return"
    SEND_RETURN = "send_return"
    RECEIVE_RETURN = "receive_return"
    COMPLETE_RETURN = "complete_return"
    DISPUTE = "dispute"
    ANSWER_DISPUTE = "answer_dispute"
    WIN_DISPUTE = "win_dispute"
    LOSE_DISPUTE = "lose_dispute"
    REVIEW = "review"
    PUBLISH = "publish"
    REJECT_REVIEW = "reject_review"


class Step(msgspec.Struct, frozen=True):
    """What happens next, so many hours after what happened before."""

    verb: Verb
    least: float
    most: float


class Fate(enum.Enum):
    """How the life of an order goes."""

    DELIVERED = "delivered"
    PENDING = "pending"
    PAID = "paid"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    PACKED = "packed"
    SHIPPED = "shipped"
    SHIPPED_PART = "shipped_part"
    IN_TRANSIT = "in_transit"
    REJECTED = "rejected"
    HELD = "held"
    LAPSED = "lapsed"
    CANCELED = "canceled"
    CANCELED_PAID = "canceled_paid"
    CANCELED_PART = "canceled_part"
    REFUNDED = "refunded"
    REFUNDED_PART = "refunded_part"
    RETURNED = "returned"
    RETURN_ASKED = "return_asked"
    RETURN_APPROVED = "return_approved"
    RETURN_RECEIVED = "return_received"
    RETURN_REJECTED = "return_rejected"
    DISPUTED = "disputed"
    DISPUTE_ANSWERED = "dispute_answered"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    ARCHIVED = "archived"


V = Verb
#: When somebody is at work, and what is done then.
_OPEN: Final = range(8, 18)
_BY_DAY: Final = frozenset(Verb) - {
    V.CANCEL,
    V.CANCEL_PART,
    V.ASK_RETURN,
    V.SEND_RETURN,
    V.EXPIRE,
    V.GIVE_UP,
    V.MOVE,
}
_PAY: Final = (Step(V.PAY, 0.5, 15),)
_PACK: Final = (*_PAY, Step(V.PACK, 3, 20))
_SHIP: Final = (*_PACK, Step(V.SHIP, 1, 8))
_MOVE: Final = (*_SHIP, Step(V.MOVE, 4, 16))
_DELIVER: Final = (*_MOVE, Step(V.DELIVER, 18, 80))
_BACK: Final = Step(V.PAY_BACK, 4, 40)
_ASK: Final = (*_DELIVER, Step(V.ASK_RETURN, 20, 60))
_RECEIVE: Final = (
    *_ASK,
    Step(V.APPROVE_RETURN, 2, 20),
    Step(V.SEND_RETURN, 10, 40),
    Step(V.RECEIVE_RETURN, 40, 70),
)
_DISPUTE: Final = (*_DELIVER, Step(V.DISPUTE, 160, 220))
_ANSWER: Final = (*_DISPUTE, Step(V.ANSWER_DISPUTE, 20, 40))

STEPS: Final[dict[Fate, tuple[Step, ...]]] = {
    Fate.DELIVERED: _DELIVER,
    Fate.PENDING: (),
    Fate.PAID: (Step(V.PAY, 0.3, 1.5),),
    Fate.CONFIRMED: (Step(V.PAY, 0.3, 3), Step(V.CONFIRM, 1, 3)),
    Fate.PROCESSING: (Step(V.PAY, 0.5, 4), Step(V.PROCESS, 2, 8)),
    Fate.PACKED: (Step(V.PAY, 0.5, 4), Step(V.PACK, 3, 16)),
    Fate.SHIPPED: (Step(V.PAY, 0.5, 4), Step(V.PACK, 3, 16), Step(V.SHIP, 1, 4)),
    Fate.SHIPPED_PART: (Step(V.PAY, 0.5, 4), Step(V.SHIP_PART, 4, 20)),
    Fate.IN_TRANSIT: _MOVE,
    Fate.REJECTED: (Step(V.REJECT_TRANSFER, 2, 5),),
    Fate.HELD: (Step(V.PAY_LESS, 2, 6),),
    Fate.LAPSED: (Step(V.EXPIRE, 72.01, 72.02), Step(V.GIVE_UP, 0.01, 0.02)),
    Fate.CANCELED: (Step(V.CANCEL, 0.2, 9),),
    Fate.CANCELED_PAID: (*_PAY, Step(V.CANCEL, 0.5, 3), _BACK),
    Fate.CANCELED_PART: (
        *_PAY,
        Step(V.CANCEL_PART, 0.5, 2),
        _BACK,
        Step(V.SHIP, 1, 9),
        Step(V.DELIVER, 30, 90),
    ),
    Fate.REFUNDED: (*_DELIVER, Step(V.REFUND, 20, 90), _BACK),
    Fate.REFUNDED_PART: (*_DELIVER, Step(V.REFUND_PART, 20, 90), _BACK),
    Fate.RETURNED: (*_RECEIVE, Step(V.COMPLETE_RETURN, 1, 20), _BACK),
    Fate.RETURN_ASKED: _ASK,
    Fate.RETURN_APPROVED: (*_ASK, Step(V.APPROVE_RETURN, 2, 20)),
    Fate.RETURN_RECEIVED: _RECEIVE,
    Fate.RETURN_REJECTED: (*_ASK, Step(V.REJECT_RETURN, 2, 20)),
    Fate.DISPUTED: _DISPUTE,
    Fate.DISPUTE_ANSWERED: _ANSWER,
    Fate.DISPUTE_WON: (*_ANSWER, Step(V.WIN_DISPUTE, 200, 300)),
    Fate.DISPUTE_LOST: (*_ANSWER, Step(V.LOSE_DISPUTE, 200, 300)),
    Fate.ARCHIVED: (*_DELIVER, Step(V.ARCHIVE, 400, 700)),
}

#: How many of 400 have which fate, and how many hours ago they were placed. The rest arrive. A
#: smaller past has each once, as far down as two thirds of it go.
_SHARES: Final[dict[Fate, tuple[int, float, float]]] = {
    Fate.PENDING: (4, 1, 16),
    Fate.PAID: (4, 3, 20),
    Fate.PACKED: (4, 24, 40),
    Fate.IN_TRANSIT: (6, 62, 90),
    Fate.RETURNED: (9, 400, 2000),
    Fate.REFUNDED_PART: (7, 300, 2000),
    Fate.LAPSED: (14, 80, 2100),
    Fate.CANCELED: (7, 30, 2100),
    Fate.CANCELED_PAID: (6, 100, 2100),
    Fate.REFUNDED: (5, 300, 2000),
    Fate.DISPUTED: (2, 410, 450),
    Fate.SHIPPED: (4, 28, 44),
    Fate.REJECTED: (2, 6, 20),
    Fate.ARCHIVED: (6, 1000, 2100),
    Fate.PROCESSING: (4, 14, 30),
    Fate.SHIPPED_PART: (2, 28, 44),
    Fate.CONFIRMED: (2, 8, 20),
    Fate.RETURN_APPROVED: (2, 240, 330),
    Fate.RETURN_ASKED: (2, 220, 320),
    Fate.RETURN_RECEIVED: (2, 340, 420),
    Fate.CANCELED_PART: (4, 160, 2000),
    Fate.HELD: (2, 8, 20),
    Fate.DISPUTE_ANSWERED: (2, 440, 500),
    Fate.DISPUTE_WON: (2, 900, 1700),
    Fate.DISPUTE_LOST: (2, 900, 1700),
    Fate.RETURN_REJECTED: (2, 240, 1200),
}
#: What the printed buyer's account shows beside what has arrived.
_SHOWN: Final = (
    Fate.PENDING,
    Fate.PAID,
    Fate.PACKED,
    Fate.IN_TRANSIT,
    Fate.RETURNED,
    Fate.REFUNDED_PART,
    Fate.LAPSED,
    Fate.RETURN_APPROVED,
    Fate.DISPUTE_WON,
)
#: Three more of hers, delivered.
_SHOWN_ARRIVED: Final = 3
#: What arrives, and its buyer has nothing against: it may be written about.
_WELL: Final = (Fate.DELIVERED, Fate.ARCHIVED)


class Life(msgspec.Struct, frozen=True):
    """An order of somebody's, or (without lines) a visitor who only writes."""

    number: int
    person: Person
    fate: Fate
    placed_at: datetime
    #: Stock codes and units.
    lines: tuple[tuple[str, int], ...]


class Said(msgspec.Struct, frozen=True):
    """A review, and the product that it is of."""

    slug: str
    words: Words


class Event(msgspec.Struct, frozen=True):
    """One step of one life at its instant."""

    at: datetime
    life: Life
    verb: Verb
    said: Said | None = None


class Arrived(msgspec.Struct, frozen=True):
    """What a supplier brings: units by stock code."""

    at: datetime
    units: dict[str, int]


class Plan(msgspec.Struct, frozen=True):
    """Everything, in the order in which it happens."""

    begins_at: datetime
    ends_at: datetime
    buyers: tuple[Person, ...]
    events: tuple[Event, ...]
    arrivals: tuple[Arrived, ...]


def begin_of(until: datetime) -> datetime:
    """The day on which a past that ends then begins: before the first delivery and order."""
    return until - timedelta(days=DAYS + 2)


def make_plan(
    catalog: DemoCatalog, *, until: datetime, orders: int = ORDERS, seed: int = SEED
) -> Plan:
    """So many orders of the last days before an instant, and what became of each."""
    dice = Random(seed)  # noqa: S311 - it invents a past, and no secret
    buyers = (BUYER, *people(dice, max(3, orders // _ORDERS_EACH), has_account=True))
    lives = _lives(dice, catalog, buyers, until=until, orders=orders)
    events = [event for life in lives for event in _events_of(life, _dice_of(life, seed), until)]
    events += _reviews(dice, catalog, events, buyers, until=until)
    happened = sorted((one for one in events if one.at < until), key=_order)
    return Plan(begin_of(until), until, buyers, tuple(happened), _arrivals(catalog, lives, until))


def _dice_of(life: Life, seed: int) -> Random:
    """Of its own for each, so that one that goes on longer changes no other."""
    return Random(f"{seed}.{life.number}")  # noqa: S311 - as above


def _order(event: Event) -> tuple[datetime, int, str]:
    return event.at, event.life.number, event.verb.value


# --- orders --------------------------------------------------------------------------------------


def _lives(
    dice: Random,
    catalog: DemoCatalog,
    buyers: Sequence[Person],
    *,
    until: datetime,
    orders: int,
) -> list[Life]:
    guests = people(dice, max(2, orders * _GUESTS // 100), has_account=False)
    goods = _Goods(catalog)
    shown = [*_SHOWN, *[Fate.DELIVERED] * _SHOWN_ARRIVED]
    lives = []
    for number, (fate, placed_at) in enumerate(_fates(dice, until, orders)):
        is_recent = until - placed_at < timedelta(days=_SHELF_DAYS)
        if fate in shown:
            shown.remove(fate)
            person = BUYER
        elif dice.randrange(100) < _GUESTS:
            person = dice.choice(guests)
        else:
            person = dice.choice(buyers[1:])
        least = 2 if fate in (Fate.CANCELED_PART, Fate.SHIPPED_PART) else 1
        lines = goods.pick(dice, person.currency, least=least, is_recent=is_recent)
        lives.append(Life(number, person, fate, placed_at, lines))
    return lives


def _fates(dice: Random, until: datetime, orders: int) -> list[tuple[Fate, datetime]]:
    special: list[tuple[Fate, datetime]] = []
    for fate, (share, least, most) in _SHARES.items():
        count = max(1, round(share * orders / ORDERS))
        hours = [dice.uniform(least, most) for _ in range(count)]
        special += [
            (fate, _at_an_hour(dice, until - timedelta(hours=age), until)) for age in hours
        ]
    special = special[: orders * 2 // 3]
    rest = [(Fate.DELIVERED, _an_instant(dice, until)) for _ in range(orders - len(special))]
    return [*special, *rest]


def _at_an_hour(dice: Random, at: datetime, until: datetime) -> datetime:
    """The last time before then that it was such an hour; of these days, the instant itself."""
    if until - at < timedelta(days=4):
        return at
    (hour,) = dice.choices(range(24), _HOURS)
    earlier = at.replace(hour=hour)
    return earlier if earlier < at else earlier - timedelta(days=1)


def _an_instant(dice: Random, until: datetime) -> datetime:
    """Some instant of the days before, lately rather than long ago, in the rhythm of a week."""
    days = range(1, DAYS)
    weights = [
        (2.6 - 1.6 * day / DAYS) * _WEEKDAYS[(until - timedelta(days=day)).weekday()]
        for day in days
    ]
    (day,) = dice.choices(days, weights)
    (hour,) = dice.choices(range(24), _HOURS)
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=day) + timedelta(hours=hour, seconds=dice.randrange(3_600))


class _Goods:
    """What may be picked, and how often it is."""

    def __init__(self, catalog: DemoCatalog) -> None:
        self._all = [variant for entry in catalog.products for variant in entry.variants]
        # What the store has plenty of: sold from the shelf while nothing is delivered.
        self._plenty = [row for row in self._all if row.on_hand >= 4 * row.low_stock_threshold]

    def pick(
        self, dice: Random, currency: str, *, least: int, is_recent: bool
    ) -> tuple[tuple[str, int], ...]:
        offered = [
            row for row in (self._plenty if is_recent else self._all) if currency in row.prices
        ]
        (count,) = dice.choices(range(1, len(_LINES) + 1), _LINES)
        weights = [_popularity(row, currency) for row in offered]
        wanted: dict[str, int] = {}
        while len(wanted) < min(max(count, least), len(offered)):
            (variant,) = dice.choices(offered, weights)
            (units,) = dice.choices(range(1, len(_UNITS) + 1), _UNITS)
            wanted.setdefault(variant.sku, units)
        return tuple(wanted.items())


def _popularity(variant: VariantEntry, currency: str) -> float:
    """What costs less is bought more often."""
    return math.pow(variant.prices[currency], -0.45)


def _events_of(life: Life, dice: Random, until: datetime) -> list[Event]:
    """Every step: what the shop does by day, unless that leaves its fate unfinished."""
    waits = [(step.verb, dice.uniform(step.least, step.most)) for step in STEPS[life.fate]]
    by_day, by_night = life.placed_at, life.placed_at
    ordered, hasty = [Event(by_day, life, Verb.PLACE)], [Event(by_night, life, Verb.PLACE)]
    for verb, hours in waits:
        by_day += timedelta(hours=hours)
        by_night += timedelta(hours=hours)
        if verb in _BY_DAY and by_day.hour not in _OPEN:
            is_late = by_day.hour >= _OPEN.stop
            morning = by_day.replace(hour=_OPEN.start) + timedelta(days=is_late)
            by_day = morning + timedelta(minutes=dice.uniform(0, 90))
        ordered.append(Event(by_day, life, verb))
        hasty.append(Event(by_night, life, verb))
    return hasty if by_night < until <= by_day else ordered


def _arrivals(catalog: DemoCatalog, lives: Sequence[Life], until: datetime) -> tuple[Arrived, ...]:
    """What is brought each week: as much as is sold in it, so that the shelf ends as it should."""
    on_hand = {row.sku: row.on_hand for entry in catalog.products for row in entry.variants}
    by_week: dict[int, dict[str, int]] = {}
    for life in lives:
        week = (until - life.placed_at).days // 7
        wanted = by_week.setdefault(week, {})
        for sku, units in life.lines:
            wanted[sku] = wanted.get(sku, 0) + units
    # Of the last week only what the shelf could not give is brought.
    last = by_week.get(0, {})
    by_week[0] = {sku: units for sku, units in last.items() if 2 * units > on_hand[sku]}
    return tuple(
        Arrived(until - timedelta(days=7 * (week + 1), hours=1), wanted)
        for week, wanted in sorted(by_week.items(), reverse=True)
        if wanted
    )


# --- reviews -------------------------------------------------------------------------------------


def _reviews(
    dice: Random,
    catalog: DemoCatalog,
    events: Sequence[Event],
    buyers: Sequence[Person],
    *,
    until: datetime,
) -> list[Event]:
    """What was written, each once for a product and a buyer, and what staff made of it."""
    by_sku = {row.sku: entry for entry in catalog.products for row in entry.variants}
    arrived = sorted(
        (
            one
            for one in events
            if one.verb is Verb.DELIVER and one.life.fate in _WELL and one.life.person.has_account
        ),
        key=_order,
    )
    written: dict[tuple[str, str], Event] = {}
    for one in arrived:
        for sku, _ in one.life.lines:
            if dice.randrange(100) < _WRITTEN_ABOUT:
                at = one.at + timedelta(hours=dice.uniform(20, 260))
                _write(dice, written, by_sku[sku], one.life, at)
    for number in range(_VISITORS * len(arrived) // ORDERS):
        at = until - timedelta(hours=dice.uniform(60, 24 * DAYS))
        life = Life(-1 - number, dice.choice(buyers[1:]), Fate.DELIVERED, at, ())
        _write(dice, written, dice.choice(catalog.products), life, at)
    happened = sorted((one for one in written.values() if one.at < until), key=_order)
    read = happened[: max(0, len(happened) - WAITING_REVIEWS)]
    verbs = [Verb.PUBLISH] * len(read)
    if read:
        verbs[len(read) // 2] = Verb.REJECT_REVIEW
    for one, verb in zip(read, verbs, strict=True):
        at = min(one.at + timedelta(hours=dice.uniform(1, 20)), until - timedelta(minutes=1))
        happened.append(Event(max(at, one.at), one.life, verb, one.said))
    return happened


def _write(
    dice: Random,
    written: dict[tuple[str, str], Event],
    entry: ProductEntry,
    life: Life,
    at: datetime,
) -> None:
    words = opinion(dice, thing=entry.name, categories=entry.categories, author=life.person.author)
    event = Event(at, life, Verb.REVIEW, Said(entry.slug, words))
    written.setdefault((entry.slug, life.person.email), event)
