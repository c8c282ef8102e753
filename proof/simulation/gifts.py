"""What staff do with gift cards, and what the world knows of each: what was ever put on it."""

from __future__ import annotations

import random
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Final

import msgspec

from proof.commands import exercises
from proof.simulation.process import Process
from proof.simulation.world import Gift, Put, Told, World
from surehold.db import clock
from surehold.kernel.errors import Busy, DomainError
from surehold.kernel.ids import GiftCardId, new_id
from surehold.payments.gift_cards import codes, commands
from surehold.payments.gift_cards.model import CardWish, GiftCardKind, NewGiftCard

STAFF: Final = "staff:simulation"
CURRENCIES: Final = ("EUR", "USD")
#: Share of the buyers who pay with cards.
CARD_RATE: Final = 0.14
_GIFTS_KEPT: Final = 12


async def _put(gift: Gift, amount_minor: int, work: Awaitable[Any]) -> None:
    """Write down what was told of something that staff put on a card, or took off."""
    put = Put(amount_minor, Told.UNKNOWN)
    gift.puts.append(put)
    try:
        await work
    except Busy:
        raise
    except DomainError:
        put.told = Told.REFUSED
        raise
    put.told = Told.ACCEPTED


@exercises(commands.issue_card)
async def issue(world: World, process: Process, dice: random.Random) -> None:
    """Sell a card over the counter; some are good for some hours only."""
    async with process.db.connection() as connection:
        now = await clock.now(connection)
    code = codes.new_code()
    card = NewGiftCard(
        id=GiftCardId(new_id()),
        kind=GiftCardKind.GIFT_CARD,
        code_hash=codes.hash_code(code),
        last_four=code[-codes.LAST :],
        currency=dice.choice(CURRENCIES),
        initial_minor=dice.randint(500, 9_000),
        owner_email=None,
        expires_at=now + timedelta(hours=dice.randint(1, 20)) if dice.random() < 0.3 else None,
        reason="simulated",
        actor=STAFF,
    )
    gift = Gift(card.id, card.code_hash, card.currency)
    world.gifts.append(gift)
    await _put(
        gift, card.initial_minor, commands.issue_card(process.db, card=card, sealed_code="-")
    )


@exercises(commands.adjust_card, commands.disable_card)
async def adjust(world: World, process: Process, dice: random.Random) -> None:
    """Put something on a card, take something off, or stop it for good."""
    gift = _a_gift(world, dice)
    if gift is None:
        return
    if dice.random() < 0.1:
        await commands.disable_card(process.db, card_id=gift.id, actor=STAFF)
        return
    amount = dice.choice((-1_500, -300, 200, 1_000))
    await _put(
        gift,
        amount,
        commands.adjust_card(
            process.db, card_id=gift.id, amount_minor=amount, reason="simulated", actor=STAFF
        ),
    )


def some_cards(world: World, dice: random.Random, currency: str | None) -> tuple[CardWish, ...]:
    """Some buyers have a card or two, which others have as well."""
    known = [
        gift
        for gift in world.gifts[-_GIFTS_KEPT:]
        if gift.is_there and currency in (None, gift.currency)
    ]
    if not known or dice.random() >= CARD_RATE:
        return ()
    chosen = dice.sample(known, k=min(len(known), dice.choice((1, 1, 2))))
    return tuple(CardWish(gift.code_hash, dice.choice((None, None, 400))) for gift in chosen)


def _a_gift(world: World, dice: random.Random) -> Gift | None:
    found = [gift for gift in world.gifts[-_GIFTS_KEPT:] if gift.is_there]
    return dice.choice(found) if found else None


class StoredCard(msgspec.Struct, frozen=True):
    """A card as the store has it, and what orders say that it pays."""

    id: GiftCardId
    kind: str
    balance_minor: int
    #: What its orders keep of it, or wait with.
    paid_minor: int
    expired_minor: int
    #: What refunds say that became of them.
    credited_minor: int


LIST_CARDS: Final = """
    /* proof.list_cards */
    SELECT id, kind, balance_minor,
           (SELECT coalesce(sum(captured_minor - refunded_minor + authorized_minor), 0)::bigint
              FROM payments WHERE gift_card_id = card.id) AS paid_minor,
           (SELECT coalesce(-sum(amount_minor), 0)::bigint
              FROM gift_card_entries AS entry
             WHERE gift_card_id = card.id AND entry.kind = 'expire') AS expired_minor,
           (SELECT coalesce(sum(amount_minor), 0)::bigint
              FROM refunds WHERE store_credit_id = card.id AND state = 'succeeded')
           AS credited_minor
      FROM gift_cards AS card
"""


def judge_cards(gifts: list[Gift], cards: list[StoredCard]) -> list[tuple[str, GiftCardId]]:
    """What is wrong: each card holds, and paid, exactly what staff were told to have put on it."""
    stored = {card.id: card for card in cards}
    found: list[tuple[str, GiftCardId]] = []
    for gift in gifts:
        card = stored.pop(gift.id, None)
        if card is None:
            if gift.is_there:
                found.append((f"gift card {gift.id} was issued and is gone", gift.id))
            continue
        least, most = gift.bounds
        seen = card.balance_minor + card.paid_minor + card.expired_minor
        if not least <= seen <= most:
            text = f"gift card {gift.id} comes to {seen}; {least} to {most} were put on it"
            found.append((text, gift.id))
    for card in stored.values():
        seen = card.balance_minor + card.paid_minor + card.expired_minor
        if card.kind != GiftCardKind.STORE_CREDIT.value or seen != card.credited_minor:
            text = f"card {card.id} comes to {seen}, {card.credited_minor} went back to it"
            found.append((text, card.id))
    return found
