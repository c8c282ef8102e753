"""How each step of a demo order's life is done: by the command that people do it with.

Nothing here writes an order, a payment or stock by itself. What a command refuses ends that life:
somebody in the present may have been quicker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
import structlog

from surehold.checkout import commands as checkouts
from surehold.checkout import queries
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER as BY_BUYER
from surehold.checkout.model import SYSTEM, Actor, PlacedOrder, Placement
from surehold.checkout.rules import Wish
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.checkout.settlements import CancelOrder, ExpireHolds
from surehold.db import clock as db_clock
from surehold.demo.plan import Event, Life, Said, Verb
from surehold.identity import commands as identities
from surehold.identity.model import ClaimedOrder, ClaimKind
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import (
    AccountId,
    OrderId,
    OrderLineId,
    PaymentId,
    ProductId,
    ReturnId,
    ReviewId,
    VariantId,
    new_id,
)
from surehold.kernel.money import Money
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.model import CancelReason, OrderStatus, ReturnReason
from surehold.orders.states import FulfillmentEvent, ReturnEvent
from surehold.payments.disputes import queries as disputes
from surehold.payments.model import RefundState
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.reviews import commands as reviews

log = structlog.get_logger(__name__)

STAFF: Final = Actor("staff:demo")
_PROVIDER: Final = "bank_transfer"
#: Who carries parcels to a country, where it is not the carrier of all others.
_CARRIERS: Final = {
    "IE": "an_post",
    "US": "usps",
    "GB": "royal_mail",
    "DE": "dhl",
    "AT": "dhl",
    "NL": "dpd",
    "FR": "dpd",
}
_EVIDENCE: Final = "Signed for at the buyer's door; the carrier's proof of delivery is attached."


class Goods(msgspec.Struct, frozen=True):
    """The ids of what is sold, by stock code and by slug."""

    variants: dict[str, VariantId]
    products: dict[str, ProductId]


class _Open(msgspec.Struct):
    """A placed order, as its next steps need it."""

    order_id: OrderId
    payment_id: PaymentId
    total: Money
    return_id: ReturnId | None = None


class Lives:
    """Every life under way in one store, and what came of them."""

    def __init__(
        self, checkout: Checkout, *, goods: Goods, accounts: dict[str, AccountId], seed: int
    ) -> None:
        self._checkout = checkout
        self._goods = goods
        self._accounts = accounts
        self._seed = seed
        self._open: dict[int, _Open] = {}
        self._reviews: dict[tuple[str, str], ReviewId] = {}
        self._ended: set[int] = set()
        self.orders = 0
        self.reviews = 0
        #: Steps that a command refused.
        self.refused = 0
        self._verbs: dict[Verb, Callable[[Life, _Open], Awaitable[object]]] = {
            Verb.PAY: self._pay,
            Verb.PAY_LESS: self._pay_less,
            Verb.CONFIRM: self._reach(OrderStatus.CONFIRMED),
            Verb.PROCESS: self._reach(OrderStatus.PROCESSING),
            Verb.PACK: self._reach(OrderStatus.READY_FOR_SHIPMENT),
            Verb.SHIP: self._ship,
            Verb.SHIP_PART: self._ship_part,
            Verb.MOVE: self._reach(OrderStatus.IN_TRANSIT),
            Verb.DELIVER: self._reach(OrderStatus.DELIVERED),
            Verb.ARCHIVE: self._reach(OrderStatus.ARCHIVED),
            Verb.EXPIRE: self._expire,
            Verb.GIVE_UP: self._give_up,
            Verb.REJECT_TRANSFER: self._reject_transfer,
            Verb.CANCEL: self._cancel,
            Verb.CANCEL_PART: self._cancel_part,
            Verb.REFUND: self._refund,
            Verb.REFUND_PART: self._refund_part,
            Verb.PAY_BACK: self._pay_back,
            Verb.ASK_RETURN: self._ask_return,
            Verb.APPROVE_RETURN: self._move_return(
                ReturnEvent.APPROVE, "Put the return slip in the parcel, please."
            ),
            Verb.REJECT_RETURN: self._move_return(
                ReturnEvent.REJECT, "It shows marks of long use, which we cannot take back."
            ),
            Verb.SEND_RETURN: self._move_return(ReturnEvent.SEND, None),
            Verb.RECEIVE_RETURN: self._receive_return,
            Verb.COMPLETE_RETURN: self._complete_return,
            Verb.DISPUTE: self._tell_dispute(DisputeState.NEEDS_RESPONSE),
            Verb.ANSWER_DISPUTE: self._answer_dispute,
            Verb.WIN_DISPUTE: self._tell_dispute(DisputeState.WON),
            Verb.LOSE_DISPUTE: self._tell_dispute(DisputeState.LOST),
        }

    async def go_on(self, event: Event) -> None:
        """Do one step."""
        life = event.life
        if life.number in self._ended:
            return
        try:
            if event.said is not None:
                await self._speak(event.verb, life, event.said)
            elif event.verb is Verb.PLACE:
                await self._place(life)
            else:
                await self._verbs[event.verb](life, self._open[life.number])
        except DomainError as refusal:
            self.refused += 1
            self._ended.add(life.number)
            log.warning("history_refused", verb=event.verb.value, reason=str(refusal))

    # --- buying ----------------------------------------------------------------------------------

    async def _place(self, life: Life) -> None:
        key = f"history:{self._seed}:{life.number}"
        person = life.person
        answer = await checkouts.place_order(
            self._checkout,
            Placement(
                key=key,
                request_hash=sha256(key.encode()).digest(),
                email=person.email,
                shipping_address=person.address,
                billing_address=None,
                shipping_method=None,
                provider=_PROVIDER,
                lines=tuple((self._goods.variants[sku], units) for sku, units in life.lines),
                currency=person.currency,
            ),
        )
        told = msgspec.json.decode(answer.body)
        total = told["order"]["total"]
        order_id = OrderId(UUID(told["order"]["id"]))
        self._open[life.number] = _Open(
            order_id,
            PaymentId(UUID(told["payment"]["id"])),
            Money(total["amount"], total["currency"]),
        )
        self.orders += 1
        if person.has_account:
            placed = await self._read(order_id)
            await identities.claim_orders(
                self._checkout.db,
                account_id=self._accounts[person.email],
                orders=[ClaimedOrder(order_id, placed.order.placed_at)],
                by=ClaimKind.EMAIL,
            )

    async def _pay(self, _: Life, one: _Open) -> None:
        await self._receive_money(one, one.total)
        await self._document(one, DocumentKind.INVOICE)

    async def _pay_less(self, life: Life, one: _Open) -> None:
        """The buyer's bank took its fee off: a person has to look at it."""
        less = Money(one.total.amount - 100 * (1 + life.number % 5), one.total.currency)
        await self._receive_money(one, less)

    async def _receive_money(self, one: _Open, received: Money) -> None:
        await checkouts.confirm_payment(
            self._checkout, payment_id=one.payment_id, received=received, actor=STAFF
        )

    async def _reject_transfer(self, _: Life, one: _Open) -> None:
        await checkouts.reject_transfer(
            self._checkout,
            payment_id=one.payment_id,
            reason="The bank sent the transfer back: the account was closed.",
            actor=STAFF,
        )

    async def _give_up(self, _: Life, one: _Open) -> None:
        """And with the order."""
        await self._checkout.settling.submit(
            CancelOrder(one.order_id, CancelReason.UNPAID, SYSTEM, only_unpaid=True)
        )

    async def _expire(self, _: Life, one: _Open) -> None:
        """What the worker does with goods that were held for long enough."""
        await self._checkout.settling.submit(ExpireHolds(one.order_id))

    async def _cancel(self, _: Life, one: _Open) -> None:
        await checkouts.cancel_order(
            self._checkout, order_id=one.order_id, reason=CancelReason.BUYER, actor=BY_BUYER
        )

    async def _cancel_part(self, _: Life, one: _Open) -> None:
        placed = await self._read(one.order_id)
        await checkouts.cancel_part(
            self._checkout,
            order_id=one.order_id,
            lines=((placed.lines[-1].id, placed.lines[-1].quantity),),
            reason=CancelReason.BUYER,
            actor=BY_BUYER,
        )

    # --- sending ---------------------------------------------------------------------------------

    def _reach(self, status: OrderStatus) -> Callable[[Life, _Open], Awaitable[object]]:
        async def reach(_: Life, one: _Open) -> None:
            await checkouts.reach_status(
                self._checkout, order_id=one.order_id, status=status, actor=STAFF
            )

        return reach

    async def _ship(self, life: Life, one: _Open) -> None:
        await checkouts.reach_status(
            self._checkout,
            order_id=one.order_id,
            status=OrderStatus.SHIPPED,
            actor=STAFF,
            parcel=self._parcel(life),
        )
        await self._document(one, DocumentKind.PACKING_SLIP)

    async def _ship_part(self, life: Life, one: _Open) -> None:
        """The first line goes ahead; the rest is to follow."""
        first = (await self._read(one.order_id)).lines[0]
        planned = await checkouts.open_fulfillments(
            self._checkout,
            order_id=one.order_id,
            pick=Pick(lines=(WantedUnits(first.id, first.quantity),)),
            actor=STAFF,
        )
        for fulfillment in planned.fulfillments:
            await checkouts.move_fulfillment(
                self._checkout,
                fulfillment_id=fulfillment.id,
                event=FulfillmentEvent.SHIP,
                actor=STAFF,
                parcel=self._parcel(life),
            )

    def _parcel(self, life: Life) -> Parcel:
        carrier = _CARRIERS.get(life.person.address.country, "ups")
        return Parcel(carrier, f"{carrier[:2].upper()}{self._seed:02}{life.number:05}7")

    async def _document(self, one: _Open, kind: DocumentKind) -> None:
        await documents.issue(
            self._checkout.db, order_id=one.order_id, kind=kind, actor=STAFF.name
        )

    # --- money back ------------------------------------------------------------------------------

    async def _refund(self, _: Life, one: _Open) -> None:
        await checkouts.refund_order(
            self._checkout,
            order_id=one.order_id,
            wish=Wish(),
            reason="It came broken; there is no need to send it back.",
            actor=STAFF,
        )

    async def _refund_part(self, _: Life, one: _Open) -> None:
        amount = Money(max(100, one.total.amount // 5), one.total.currency)
        await checkouts.refund_order(
            self._checkout,
            order_id=one.order_id,
            wish=Wish(amount=amount),
            reason="It came late, and with a scratch.",
            actor=STAFF,
        )

    async def _pay_back(self, _: Life, one: _Open) -> None:
        """Staff pay out by hand what is to go back."""
        for refund in (await self._read(one.order_id)).refunds:
            if refund.state is not RefundState.REQUESTED:
                continue
            await checkouts.confirm_refund(
                self._checkout, order_id=one.order_id, refund_id=refund.id, actor=STAFF
            )
            await documents.issue(
                self._checkout.db,
                order_id=one.order_id,
                kind=DocumentKind.CREDIT_NOTE,
                actor=STAFF.name,
                refund_id=refund.id,
            )

    # --- sending back ----------------------------------------------------------------------------

    async def _ask_return(self, life: Life, one: _Open) -> None:
        placed = await self._read(one.order_id)
        reasons = (ReturnReason.CHANGED_MIND, ReturnReason.DAMAGED, ReturnReason.NOT_AS_DESCRIBED)
        reason = reasons[life.number % len(reasons)]
        one.return_id = ReturnId(new_id())
        await checkouts.request_return(
            self._checkout,
            order_id=one.order_id,
            return_id=one.return_id,
            lines=tuple(Wanted(line, units, reason) for line, units in _sent_back(life, placed)),
            note="It does not go with the room after all." if life.number % 2 else None,
            actor=BY_BUYER,
        )

    def _move_return(
        self, event: ReturnEvent, answer: str | None
    ) -> Callable[[Life, _Open], Awaitable[object]]:
        actor = BY_BUYER if event is ReturnEvent.SEND else STAFF

        async def move(_: Life, one: _Open) -> None:
            assert one.return_id is not None
            await checkouts.move_return(
                self._checkout,
                order_id=one.order_id,
                return_id=one.return_id,
                event=event,
                actor=actor,
                answer=answer,
            )

        return move

    async def _receive_return(self, _: Life, one: _Open) -> None:
        assert one.return_id is not None
        await checkouts.receive_return(
            self._checkout, order_id=one.order_id, return_id=one.return_id, actor=STAFF
        )

    async def _complete_return(self, life: Life, one: _Open) -> None:
        assert one.return_id is not None
        placed = await self._read(one.order_id)
        is_good = life.number % 3 != 0
        await checkouts.inspect_return(
            self._checkout,
            order_id=one.order_id,
            return_id=one.return_id,
            actor=STAFF,
            judged=tuple(
                Judged(line, units * is_good, units * (not is_good))
                for line, units in _sent_back(life, placed)
            ),
        )
        await checkouts.complete_return(
            self._checkout, order_id=one.order_id, return_id=one.return_id, actor=STAFF
        )

    # --- disputes --------------------------------------------------------------------------------

    def _tell_dispute(self, state: DisputeState) -> Callable[[Life, _Open], Awaitable[object]]:
        async def tell(life: Life, one: _Open) -> None:
            async with self._checkout.db.connection() as connection:
                now = await db_clock.now(connection)
            respond_by = now + timedelta(days=14) if state is DisputeState.NEEDS_RESPONSE else None
            told = DisputeSnapshot(
                f"letter-{self._seed}-{life.number}",
                one.total,
                DisputeStage.CHARGEBACK,
                state,
                "product_not_received",
                respond_by=respond_by,
            )
            await checkouts.record_dispute(
                self._checkout, payment_id=one.payment_id, told=told, actor=STAFF
            )

        return tell

    async def _answer_dispute(self, life: Life, one: _Open) -> None:
        """Say what there is to say; the bank writes that it looks into it."""
        async with self._checkout.db.connection() as connection:
            found = await disputes.list_of_payments(connection, payment_ids=[one.payment_id])
        await checkouts.answer_dispute(
            self._checkout, dispute_id=found[0].id, evidence=_EVIDENCE, actor=STAFF
        )
        await self._tell_dispute(DisputeState.UNDER_REVIEW)(life, one)

    # --- reviews ---------------------------------------------------------------------------------

    async def _speak(self, verb: Verb, life: Life, said: Said) -> None:
        db, key = self._checkout.db, (said.slug, life.person.email)
        if verb is Verb.REVIEW:
            written = await reviews.write_review(
                db,
                product_id=self._goods.products[said.slug],
                account_id=self._accounts[life.person.email],
                words=said.words,
            )
            self._reviews[key] = written.id
            self.reviews += 1
        elif verb is Verb.PUBLISH:
            await reviews.publish_review(db, review_id=self._reviews[key], actor=STAFF.name)
        else:
            await reviews.reject_review(
                db,
                review_id=self._reviews[key],
                actor=STAFF.name,
                reason="It is about the carrier, not about the product.",
            )

    async def _read(self, order_id: OrderId) -> PlacedOrder:
        async with self._checkout.db.connection() as connection:
            return await queries.get_placed_order(connection, order_id=order_id)


def _sent_back(life: Life, placed: PlacedOrder) -> tuple[tuple[OrderLineId, int], ...]:
    """What the buyer of this life returns: everything now and then, else one unit."""
    if life.number % 3 == 1:
        return tuple((line.id, line.quantity) for line in placed.lines)
    return ((placed.lines[0].id, 1),)
