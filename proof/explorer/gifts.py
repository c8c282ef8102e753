"""Gift cards and store credit, as actors: one card at two orders at once, and staff in between."""

from __future__ import annotations

from typing import Final

from proof.commands import exercises
from proof.explorer.actors import _PLACING, _REFUND, Place, S, Told, _own, _place, part
from proof.explorer.scene import CURRENCY, GIFT_PART_MINOR, STAFF
from surehold.checkout import commands
from surehold.checkout.rules import Wish
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.errors import GiftCardBalanceTooLow, GiftCardNotUsable
from tests.builders.gift_cards import a_gift_card

_PAYING: Final = (*_PLACING, GiftCardBalanceTooLow, GiftCardNotUsable)
#: Stages that share a gift card.
_WITH_A_CARD: Final = (S.GIFT, S.GIFT_OPEN, S.GIFT_LATE, S.GIFT_WHOLE, S.GIFT_SOLD)


@part(*_WITH_A_CARD, refusals=_PAYING)
@exercises(commands.place_order)
async def pay_with_the_same_card(at: Place) -> Told:
    """Another order that the card is to pay, all of it, as far as it has it, or a part."""
    own = _own(at.seat, at.scene, at.subject)
    own.card = at.subject.gift
    own.card_minor = at.seat.chance.choice((None, None, GIFT_PART_MINOR))
    return await _place(at.seat, own, provider="bank_transfer")


@part(*_WITH_A_CARD, refusals=(GiftCardBalanceTooLow,))
@exercises(gift_cards.adjust_card)
async def adjust_the_card(at: Place) -> int:
    """Staff put something on the card, or take most of it off."""
    card = await gift_cards.adjust_card(
        at.seat.db,
        card_id=at.subject.gift.id,
        amount_minor=at.seat.chance.choice((500, -4_000)),
        reason="proof",
        actor=STAFF.name,
    )
    return card.balance_minor


@part(*_WITH_A_CARD)
@exercises(gift_cards.disable_card)
async def stop_the_card(at: Place) -> str:
    """Staff stop the card."""
    card = await gift_cards.disable_card(at.seat.db, card_id=at.subject.gift.id, actor=STAFF.name)
    return card.state.value


@part(*_WITH_A_CARD)
@exercises(gift_cards.issue_card, commands.expire_gift_cards, gift_cards.expire_cards)
async def let_cards_expire(at: Place) -> int:
    """The card's time is over at this moment, and the job comes by."""
    async with at.seat.db.connection() as connection:
        await connection.raw.execute(
            "UPDATE gift_cards SET expires_at = store_now() WHERE id = $1", at.subject.gift.id
        )
    await a_gift_card(at.seat.db, 100, currency=CURRENCY)
    return await commands.expire_gift_cards(at.seat.checkout)


@part(S.GIFT_WHOLE)
@exercises(commands.check_payment)
async def settle_covered(at: Place) -> str:
    """Whoever placed the order, or the worker after it, sells what the card pays in full."""
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect


@part(S.GIFT_SOLD, S.SOLD, refusals=_REFUND)
@exercises(commands.refund_order)
async def refund_as_credit(at: Place) -> str:
    """Staff give what is left back, as store credit as far as money paid it."""
    await commands.refund_order(
        at.seat.checkout,
        order_id=at.subject.order_id,
        wish=Wish(),
        reason="all of it",
        actor=STAFF,
        is_store_credit=True,
    )
    return "credited"
