"""One cart from its quote to its end: what is done, and what each of it must have changed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from proof.carts.books import Line, Seen, find_faults, find_price_faults, read
from proof.carts.shop import ADDRESSES, COUPONS, CURRENCIES, VAT_IDS, Shop
from surehold.cart import commands as carts
from surehold.checkout import commands, queries, rules
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER, Actor, Placement
from surehold.checkout.rules import Wish
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db.idempotency import hash_request
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, OrderLineId, PaymentId, RefundId, ReturnId
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason, OrderStatus, ReturnReason
from surehold.orders.states import FulfillmentEvent, ReturnEvent
from surehold.pricing.errors import (
    CouponExhausted,
    CouponNotApplicable,
    NotForSale,
    PriceChanged,
)
from surehold.pricing.model import Quote

STAFF: Final = Actor("staff:carts")
LABEL: Final = Parcel("dhl", "JD0146")
LINES_MAX: Final = 8
STEPS_MAX: Final = 10
#: Most of what can be done is done to what was paid.
PAID_FIRST: Final = 0.7
#: So many people share the addresses that coupons count by.
BUYERS: Final = 60
_TRIES: Final = 50


class Broken(AssertionError):
    """Something does not add up."""


class Change(msgspec.Struct, frozen=True):
    """By how much a step must have changed an order. Minor units, and units by line."""

    paid: int = 0
    given_up: int = 0
    asked_back: int = 0
    sent_back: int = 0
    is_canceled: bool = False
    dropped: dict[UUID, int] = {}
    paid_back: dict[UUID, int] = {}


NOTHING: Final = Change()


class Life:
    """What happens to one cart. ``number`` and the shop's seed draw all of it."""

    def __init__(self, checkout: Checkout, shop: Shop, number: int) -> None:
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []
        self.seen: Seen | None = None
        self.vat_id: str | None = None
        self._checkout = checkout
        self._shop = shop
        self._dice = dice = random.Random(f"{shop.seed}:{number}")
        self.address = dice.choice(ADDRESSES)
        if dice.random() < 0.2:
            self.vat_id = dice.choice(tuple(VAT_IDS))
        self._number = number
        self._order_id: OrderId | None = None

    async def run(self) -> None:
        """Live it to its end.

        Raises:
            Broken: Something does not add up; the story says what was done.
        """
        await self.place()
        if self._order_id is None:
            return
        steps: list[tuple[int, Callable[[], Awaitable[Change]]]] = [
            (10, self.pay),
            (6, self.cancel),
            (12, self.give_up_units),
            (12, self.refund_units),
            (9, self.refund_amount),
            (6, self.refund_sending),
            (3, self.refund_all),
            (18, self.send),
            (12, self.want_to_return),
            (16, self.go_on_with_return),
            (8, self.confirm_refund),
        ]
        weights = [weight for weight, _ in steps]
        if self._dice.random() < PAID_FIRST:
            await self.take(self.pay)
        for _ in range(self._dice.randint(1, STEPS_MAX)):
            [(_, step)] = self._dice.choices(steps, weights=weights)
            await self.take(step)
        await self.settle()

    # --- placing ------------------------------------------------------------------------------

    async def place(self) -> None:
        """Have it priced and order it; without the coupon where that does not apply."""
        dice = self._dice
        goods = dice.sample(list(self._shop.goods), k=dice.randint(1, LINES_MAX))
        basket = queries.Basket(
            lines=tuple((one, dice.choice((1, 1, 2, 3, 4, 7))) for one in goods),
            currency=dice.choice(tuple(CURRENCIES)),
            destination=rules.destination_of(self.address),
            coupon=dice.choice(COUPONS) if dice.random() < 0.3 else None,
            vat_id=self.vat_id,
        )
        try:
            try:
                quote, told = await self._order(basket)
            except (CouponExhausted, CouponNotApplicable) as refusal:
                self._count(f"carts refused: {refusal.code}")
                basket = msgspec.structs.replace(basket, coupon=None)
                quote, told = await self._order(basket)
        except (NotForSale, PriceChanged):
            raise
        except DomainError as refusal:
            self._count(f"carts refused: {refusal.code}")
            return
        self._order_id = msgspec.convert(told["id"], OrderId)
        self._count("orders")
        self._count(f"orders in {basket.currency}")
        seen = await self._look()
        about: dict[str, Any] = {"address": self.address, "vat_id": self.vat_id}
        self._refuse_faults(find_price_faults(seen, self._shop, **about), seen)
        wanted = sorted(basket.lines)
        for name, found, expected in (
            ("total that was told", told["total"]["amount"], quote.total_minor),
            ("total", seen.order.total_minor, quote.total_minor),
            ("units", sorted((row.variant_id, row.quantity) for row in seen.lines), wanted),
        ):
            if found != expected:
                self._break(f"{name}: {found} and not {expected}")

    async def _order(self, basket: queries.Basket) -> tuple[Quote, dict[str, Any]]:
        """Its quote, and what was told of its order: made of lines, a cart or a promise."""
        dice, checkout = self._dice, self._checkout
        self._tell(f"wants {basket}")
        async with checkout.db.connection() as connection:
            books = checkout.context.books
            first = await queries.price_basket(connection, books=books, basket=basket)
            way = dice.choice(first.shipping_options).code
            basket = msgspec.structs.replace(basket, shipping_method=way)
            quote = (await queries.price_basket(connection, books=books, basket=basket)).quote
        facts: dict[str, Any] = {
            "lines": basket.lines,
            "currency": basket.currency,
            "coupon": basket.coupon,
        }
        what = dice.random()
        if what < 0.25:
            facts = await self._fill_cart(basket)
        elif what < 0.5:
            saved = await commands.save_quote(checkout, quote=quote)
            facts |= {"quote_id": saved.id, "coupon": None}
        key = f"{self._shop.seed}-{self._number}-{uuid4().hex[:8]}"
        answer = await commands.place_order(
            checkout,
            Placement(
                key=key,
                request_hash=hash_request(key.encode()),
                email=f"buyer{dice.randrange(BUYERS)}@example.com",
                shipping_address=self.address,
                billing_address=None,
                shipping_method=way,
                provider="bank_transfer",
                expected_total_minor=quote.total_minor,
                expected_currency=basket.currency,
                vat_id=basket.vat_id,
                **facts,
            ),
        )
        return quote, msgspec.json.decode(answer.body)["order"]

    async def _fill_cart(self, basket: queries.Basket) -> dict[str, Any]:
        db = self._checkout.db
        cart, token = await carts.create_cart(db, currency=basket.currency)
        for variant_id, quantity in basket.lines:
            await carts.add_line(db, token=token, variant_id=variant_id, quantity=quantity)
        if basket.coupon is not None:
            await carts.set_coupon(db, token=token, code=basket.coupon)
        return {"cart_id": cart.id, "cart_token_hash": carts.hash_token(token)}

    # --- the steps; each says what it must change ------------------------------------------------

    async def pay(self) -> Change:
        payment = self.now.payments[-1]
        outcome = await commands.confirm_payment(
            self._checkout,
            payment_id=PaymentId(payment.id),
            received=Money(payment.requested_minor, self.now.order.currency),
            actor=STAFF,
        )
        self._count(f"paid: {outcome.effect}")
        if payment.state == "captured":
            return NOTHING
        is_late = self.now.is_canceled
        return Change(
            paid=payment.requested_minor, asked_back=payment.requested_minor if is_late else 0
        )

    async def cancel(self) -> Change:
        by_buyer = self._dice.random() < 0.5
        await commands.cancel_order(
            self._checkout,
            order_id=self._id,
            reason=CancelReason.BUYER if by_buyer else CancelReason.STAFF,
            actor=BUYER if by_buyer else STAFF,
        )
        return NOTHING if self.now.is_canceled else self._all_given_up()

    async def give_up_units(self) -> Change:
        units = self._some_units()
        by_buyer = self._dice.random() < 0.5
        await commands.cancel_part(
            self._checkout,
            order_id=self._id,
            lines=tuple((OrderLineId(line_id), count) for line_id, count in units.items()),
            reason=CancelReason.BUYER if by_buyer else CancelReason.STAFF,
            actor=BUYER if by_buyer else STAFF,
        )
        return self._given_up(units)

    async def refund_units(self) -> Change:
        units = self._some_units()
        is_restocked = self._dice.random() < 0.3
        has_sending = self._dice.random() < 0.2
        wish = Wish(
            lines=tuple((OrderLineId(line_id), count) for line_id, count in units.items()),
            has_shipping=has_sending,
        )
        await self._refund(wish, is_restocked=is_restocked)
        sending = self.now.sending_left if has_sending else 0
        if is_restocked:
            change = self._given_up(units)
            if change.is_canceled:
                return change
            return msgspec.structs.replace(change, asked_back=change.asked_back + sending)
        return Change(asked_back=self._worth(units) + sending, paid_back=units)

    async def refund_amount(self) -> Change:
        left = sum(line.left_minor for line in self.now.lines) + self.now.sending_left
        amount = self._dice.randint(1, max(1, left + left // 20))
        await self._refund(Wish(amount=Money(amount, self.now.order.currency)))
        return Change(asked_back=amount)

    async def refund_sending(self) -> Change:
        await self._refund(Wish(has_shipping=True))
        return Change(asked_back=self.now.sending_left)

    async def refund_all(self) -> Change:
        await self._refund(Wish())
        left = sum(line.left_minor for line in self.now.lines) + self.now.sending_left
        units = {line.id: line.left_units for line in self.now.lines if line.left_units}
        return Change(asked_back=left, paid_back=units)

    async def _refund(self, wish: Wish, *, is_restocked: bool = False) -> None:
        planned = await commands.preview_refund(self._checkout, order_id=self._id, wish=wish)
        batch_id = uuid4()
        placed = await commands.refund_order(
            self._checkout,
            order_id=self._id,
            wish=wish,
            reason="generated",
            actor=STAFF,
            is_restocked=is_restocked,
            batch_id=batch_id,
        )
        asked = sum(row.amount_minor for row in placed.refunds if row.batch_id == batch_id)
        promised = sum(one.amount_minor for one in planned)
        if asked != promised and placed.order.canceled_at is None:
            self._break(f"a refund of {promised} was shown, {asked} goes back")

    async def send(self) -> Change:
        if self._dice.random() < 0.5:
            await commands.reach_status(
                self._checkout,
                order_id=self._id,
                status=OrderStatus.SHIPPED,
                actor=STAFF,
                parcel=LABEL,
            )
            return NOTHING
        units = self._some_units()
        placed = await commands.open_fulfillments(
            self._checkout,
            order_id=self._id,
            pick=Pick(tuple(WantedUnits(OrderLineId(one), count) for one, count in units.items())),
            actor=STAFF,
        )
        for parcel in placed.fulfillments:
            if parcel.shipped_at is None and self._dice.random() < 0.8:
                await commands.move_fulfillment(
                    self._checkout,
                    fulfillment_id=parcel.id,
                    event=FulfillmentEvent.SHIP,
                    actor=STAFF,
                    parcel=LABEL,
                )
        return NOTHING

    async def want_to_return(self) -> Change:
        left = {line.id: self.now.returnable(line) for line in self.now.lines}
        units = {one: self._dice.randint(1, count) for one, count in left.items() if count}
        await commands.request_return(
            self._checkout,
            order_id=self._id,
            return_id=ReturnId(uuid4()),
            lines=tuple(
                Wanted(OrderLineId(line_id), count, ReturnReason.OTHER)
                for line_id, count in (units or self._some_units()).items()
            ),
            actor=STAFF,
        )
        return NOTHING

    async def go_on_with_return(self) -> Change:
        """Approve, receive, inspect or complete the oldest return that is under way."""
        back = next((row for row in self.now.returns if row.state != "completed"), None)
        if back is None:
            return NOTHING
        about: dict[str, Any] = {
            "order_id": self._id,
            "return_id": ReturnId(back.id),
            "actor": STAFF,
        }
        mine = [row for row in self.now.return_lines if row.return_id == back.id]
        match back.state:
            case "requested":
                await commands.move_return(self._checkout, event=ReturnEvent.APPROVE, **about)
            case "approved":
                got = tuple(
                    (OrderLineId(row.order_line_id), self._dice.randint(0, row.quantity))
                    for row in mine
                )
                units = got if self._dice.random() < 0.3 else None
                await commands.receive_return(self._checkout, units=units, **about)
            case "received":
                judged = []
                for row in mine:
                    came = row.received_quantity or 0
                    good = self._dice.randint(0, came)
                    judged.append(Judged(OrderLineId(row.order_line_id), good, came - good))
                await commands.inspect_return(self._checkout, judged=tuple(judged), **about)
            case "inspected":
                has_sending = self._dice.random() < 0.3
                await commands.complete_return(self._checkout, has_shipping=has_sending, **about)
                left = {line.id: line.left_units for line in self.now.lines}
                units_back = {
                    row.order_line_id: min(row.received_quantity or 0, left[row.order_line_id])
                    for row in mine
                }
                units_back = {one: count for one, count in units_back.items() if count}
                sending = self.now.sending_left if has_sending else 0
                return Change(asked_back=self._worth(units_back) + sending, paid_back=units_back)
        return NOTHING

    async def confirm_refund(self) -> Change:
        if not self.now.refunds:
            return NOTHING
        refund = self._dice.choice(self.now.refunds)
        await commands.confirm_refund(
            self._checkout, order_id=self._id, refund_id=RefundId(refund.id), actor=STAFF
        )
        is_new = refund.state == "requested"
        return Change(sent_back=refund.amount_minor) if is_new else NOTHING

    async def settle(self) -> None:
        """Pay out what was promised; give up half of what nobody paid."""
        if not self.now.is_bought and self._dice.random() < 0.5:
            await self.take(self.cancel)
        for _ in range(_TRIES):
            if all(row.state != "requested" for row in self.now.refunds):
                break
            await self.take(self.confirm_refund)
        else:
            self._break("refunds that nobody can confirm")
        kind = "canceled" if self.now.is_canceled else "kept" if self.now.is_bought else "open"
        self._count(f"orders in the end: {kind}")

    # --- what a step comes to --------------------------------------------------------------------

    def _all_given_up(self) -> Change:
        """All that was paid and is not on its way goes back."""
        back = self.now.order.paid_minor - self.now.asked_back
        return Change(asked_back=back, is_canceled=True)

    def _given_up(self, units: dict[UUID, int]) -> Change:
        if all(units.get(line.id, 0) == line.due_units for line in self.now.lines):
            return self._all_given_up()
        worth = self._worth(units)
        return Change(given_up=worth, asked_back=worth if self.now.is_bought else 0, dropped=units)

    def _worth(self, units: dict[UUID, int]) -> int:
        return sum(line.worth(units.get(line.id, 0)) for line in self.now.lines)

    def _some_units(self) -> dict[UUID, int]:
        """Units of some lines: mostly as many as there may be, now and then one too many."""
        lines = self.now.lines
        chosen: list[Line] = self._dice.sample(lines, k=self._dice.randint(1, len(lines)))
        more = self._dice.random() < 0.05
        return {
            line.id: self._dice.randint(1, max(1, line.left_units)) + (line.left_units * more)
            for line in chosen
        }

    # --- looking ---------------------------------------------------------------------------------

    @property
    def _id(self) -> OrderId:
        assert self._order_id is not None
        return self._order_id

    @property
    def now(self) -> Seen:
        assert self.seen is not None
        return self.seen

    async def take(self, step: Callable[[], Awaitable[Change]]) -> None:
        """Take a step, and hold the order to what it must have changed."""
        before, name = self.now, step.__name__.replace("_", " ")
        self._tell(name)
        try:
            change = await step()
        except DomainError as refusal:
            # ``Busy`` as well: on a machine with too much to do, nothing was taken either.
            self._count(f"refused: {refusal.code}")
            self._tell(f"refused as {refusal.code}")
            after = await self._look()
            # A parcel may have been planned before one of the next could not be sent.
            if after.raw != before.raw and name != "send":
                self._break(f"{name} was refused as {refusal.code}, and changed something")
            return
        self._count("steps")
        self._count(f"step: {name}")
        after = await self._look()
        found = _changed(before, after)
        if found != change:
            self._break(f"{name} changed {found} and not {change}")

    async def _look(self) -> Seen:
        async with self._checkout.db.connection() as connection:
            self.seen = await read(connection, self._id)
        self._count("orders added up")
        self._refuse_faults(find_faults(self.seen), self.seen)
        return self.seen

    def _refuse_faults(self, faults: Any, seen: Seen) -> None:
        found = list(faults)
        if found:
            self._break(f"{'; '.join(found)}\n    {seen.raw}")

    def _break(self, words: str) -> None:
        story = "\n    ".join(self.story)
        raise Broken(f"cart {self._number} (order {self._order_id}): {words}\n    {story}")

    def _tell(self, words: str) -> None:
        self.story.append(words)

    def _count(self, name: str) -> None:
        self.counts[name] += 1


def _changed(before: Seen, after: Seen) -> Change:
    lines = list(zip(before.lines, after.lines, strict=True))
    dropped = {a.id: a.canceled_quantity - b.canceled_quantity for b, a in lines}
    back = {a.id: a.refunded_quantity - b.refunded_quantity for b, a in lines}
    return Change(
        paid=after.order.paid_minor - before.order.paid_minor,
        given_up=after.order.canceled_minor - before.order.canceled_minor,
        asked_back=after.asked_back - before.asked_back,
        sent_back=after.order.refunded_minor - before.order.refunded_minor,
        is_canceled=after.is_canceled and not before.is_canceled,
        dropped={line_id: count for line_id, count in dropped.items() if count},
        paid_back={line_id: count for line_id, count in back.items() if count},
    )
