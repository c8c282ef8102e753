"""Gift cards for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from datetime import datetime

import msgspec

from surehold.db import Database
from surehold.kernel.ids import GiftCardId, new_id
from surehold.payments.gift_cards import codes, commands
from surehold.payments.gift_cards.model import CardWish, GiftCardKind, NewGiftCard


class BuiltGiftCard(msgspec.Struct, frozen=True):
    """A card, and the code that its holder has."""

    id: GiftCardId
    code: str

    def wish(self, amount_minor: int | None = None) -> CardWish:
        """What a checkout says of it."""
        return CardWish(codes.hash_code(self.code), amount_minor)


async def a_gift_card(
    db: Database,
    amount_minor: int = 5_000,
    *,
    currency: str = "EUR",
    owner_email: str | None = None,
    kind: GiftCardKind = GiftCardKind.GIFT_CARD,
    expires_at: datetime | None = None,
) -> BuiltGiftCard:
    """A card with fifty euros on it, unless said otherwise."""
    code = codes.new_code()
    card = NewGiftCard(
        id=GiftCardId(new_id()),
        kind=kind,
        code_hash=codes.hash_code(code),
        last_four=code[-codes.LAST :],
        currency=currency,
        initial_minor=amount_minor,
        owner_email=owner_email,
        expires_at=expires_at,
        reason="test",
        actor="test",
    )
    await commands.issue_card(db, card=card, sealed_code="sealed")
    return BuiltGiftCard(card.id, code)


async def balance_of(db: Database, card: BuiltGiftCard) -> int:
    """What is on a card, which is what its entries come to."""
    async with db.connection() as connection:
        row = await connection.raw.fetchrow(
            "SELECT balance_minor,"
            "       (SELECT sum(amount_minor) FROM gift_card_entries WHERE gift_card_id = $1)"
            "  FROM gift_cards WHERE id = $1",
            card.id,
        )
    assert row is not None
    assert row[0] == row[1]
    return int(row[0])


async def entries_of(db: Database, card: BuiltGiftCard) -> list[tuple[str, int, int]]:
    """Kind, amount and what was on the card afterwards, oldest first."""
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT kind, amount_minor, balance_minor FROM gift_card_entries"
            " WHERE gift_card_id = $1 ORDER BY id",
            card.id,
        )
    return [tuple(row) for row in rows]
