"""Placing an order: the work of the checkout lane, and the command that uses it.

One batch is one transaction. Read what needs no lock (idempotency keys, carts, quotes, prices,
counters), price every basket, decide in arrival order, and write everything with one statement per
table. The stock is taken late, by one update that knows when it is no longer there, so that a hot
row is locked for two statements and not for ten; then the batch is decided again under the locks.
Who has to wait for units is decided under them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from surehold.cart import commands as cart
from surehold.catalog import queries as catalog
from surehold.checkout import drafting, queries, rules
from surehold.checkout.cards import pay_by_card
from surehold.checkout.commands.ask import UNANSWERED, ask
from surehold.checkout.engine import Checkout, Context
from surehold.checkout.lane import LetNext
from surehold.checkout.model import Answer, Placed, PlacedOrder, Placement
from surehold.checkout.placing import CREATED, Rows, Seen, Wanted, take_at_once, take_locked
from surehold.checkout.replay import SCOPE, answer_twin, look_again, replay
from surehold.checkout.settlements import SettleCovered, TrustToDelivery
from surehold.db import Connection, Transaction, idempotency
from surehold.db.database import transaction_on
from surehold.db.idempotency import NewKey
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as stock_rules
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import (
    Reservation,
    ReservationState,
)
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import (
    OrderId,
    OrderLineId,
    RedemptionId,
    ReservationId,
    VariantId,
    new_id,
    new_order_number,
)
from surehold.kernel.money import Money
from surehold.orders import queries as order_queries
from surehold.orders.drafts.model import DraftPlaced
from surehold.orders.events import order_placed
from surehold.orders.fraud import rules as fraud
from surehold.orders.model import (
    FulfillmentStatus,
    Order,
    OrderLine,
    OrderStatus,
    PaymentStatus,
)
from surehold.payments import queries as payment_queries
from surehold.payments.errors import AmountNotSupported
from surehold.payments.model import OperationKind, PaymentTerms
from surehold.pricing import queries as pricing
from surehold.pricing.model import Quote, Redemption
from surehold.pricing.rules import Terms, Use, buyer_of

#: How the history of an order begins that staff composed.
FROM_DRAFT: Final = "placed from a draft order"


class _Priced(msgspec.Struct, frozen=True):
    """A placement that only stock can still refuse."""

    index: int
    placement: Placement
    quote: Quote

    @property
    def demand(self) -> tuple[tuple[VariantId, int], ...]:
        return tuple((line.variant_id, line.quantity) for line in self.quote.lines)

    @property
    def request(self) -> rules.Request:
        """What it wants, as it is decided."""
        placement = self.placement
        draft_id = None if placement.draft is None else placement.draft.id
        return rules.Request(
            self.demand, placement.shipping_address, self.use, draft_id, self.paying
        )

    @property
    def use(self) -> Use | None:
        """The coupon that takes part in its price, and who wants it."""
        coupon = self.quote.coupon
        return None if coupon is None else Use(coupon, buyer_of(self.placement.email))

    @property
    def paying(self) -> rules.Paying | None:
        """The cards that are to pay a part of it; ``None`` when money pays it all."""
        placement = self.placement
        if not placement.gift_cards and placement.expected_to_pay_minor is None:
            return None
        return rules.Paying(
            due_minor=self.quote.total_minor,
            currency=self.quote.currency,
            email=placement.email,
            wishes=placement.gift_cards,
            expected_minor=placement.expected_to_pay_minor,
            expected_currency=placement.expected_to_pay_currency,
        )


class PlacementWork:
    """The work of the checkout lane."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, raw: asyncpg.Connection[Any], placements: Sequence[Placement], let_next: LetNext
    ) -> Sequence[Placed | DomainError]:
        """One answer or refusal per placement, in order, from one transaction."""
        connection = Connection(raw)
        terms, now = await self._context.books.load(connection)
        keys = list({placement.key for placement in placements})
        known = await idempotency.find(connection, scope=SCOPE, keys=keys)
        answers: list[Placed | DomainError | None] = [None] * len(placements)
        firsts: dict[str, int] = {}
        fresh: list[int] = []
        for index, placement in enumerate(placements):
            stored = known.get(placement.key)
            if stored is not None:
                answers[index] = replay(stored, placement)
            elif firsts.setdefault(placement.key, index) == index:
                fresh.append(index)
        if fresh:
            priced = await self._price(connection, placements, fresh, answers, (terms, now))
            if priced:
                await self._place(raw, priced, answers, terms.settings, let_next)
            await look_again(connection, placements, fresh, answers)
        return [
            answer_twin(placements, firsts, answers, index) if answer is None else answer
            for index, answer in enumerate(answers)
        ]

    async def _price(
        self,
        connection: Connection,
        placements: Sequence[Placement],
        fresh: Sequence[int],
        answers: list[Placed | DomainError | None],
        terms: tuple[Terms, datetime],
    ) -> list[_Priced]:
        """Read baskets and prices for the whole batch, without a lock, and price each."""
        chosen = [placements[index] for index in fresh]
        carts = [
            (placement.cart_id, placement.cart_token_hash)
            for placement in chosen
            if placement.cart_id is not None and placement.cart_token_hash is not None
        ]
        contents = await cart.load_lines(connection, carts=carts) if carts else {}
        quote_ids = [row.quote_id for row in chosen if row.quote_id is not None]
        quotes = await pricing.find_quotes(connection, ids=quote_ids) if quote_ids else {}
        variant_ids = {variant_id for row in chosen for variant_id, _ in row.lines}
        variant_ids.update(line[0] for content in contents.values() for line in content.lines)
        sellable = await catalog.list_sellable(connection, variant_ids=variant_ids)
        codes = {row.coupon for row in chosen if row.coupon is not None}
        codes.update(row.coupon_code for row in contents.values() if row.coupon_code is not None)
        found = await pricing.find_coupons(connection, codes=codes) if codes else {}
        returning: frozenset[str] = frozenset()
        if terms[0].asks_for_first:
            emails = {row.email for row in chosen}
            returning = await order_queries.find_returning(connection, emails=emails)
        facts = rules.Facts(*terms, contents, quotes, found, sellable, returning)
        priced: list[_Priced] = []
        for index in fresh:
            placement = placements[index]
            try:
                quote = rules.price(placement, facts)
                due = Money(quote.total_minor, quote.currency)
                self._context.providers.get_for(placement.provider, due=due)
                self._context.check_offered(
                    placement.provider, placement, due=due, settings=terms[0].settings
                )
            except DomainError as refusal:
                answers[index] = refusal
            else:
                priced.append(_Priced(index, placement, quote))
        return priced

    async def _place(
        self,
        raw: asyncpg.Connection[Any],
        priced: Sequence[_Priced],
        answers: list[Placed | DomainError | None],
        settings: ShopSettings,
        let_next: LetNext,
    ) -> None:
        """Decide, write, and take what is wanted if it is still there; else under locks."""
        wanted = Wanted(
            variant_ids={line.variant_id for row in priced for line in row.quote.lines},
            uses=[use for row in priced if (use := row.use) is not None],
            card_hashes={wish.code_hash for row in priced for wish in row.placement.gift_cards},
        )
        rows = self._decide(priced, await wanted.read(Connection(raw)), answers, settings=settings)
        # Who waits is decided under the locks: a place in a queue is not had by guessing.
        if not rows.orders or (not rows.promises and await take_at_once(raw, rows, let_next)):
            return
        async with transaction_on(raw) as tx:
            priced = await _without_changed(tx, priced, answers)
            rows = self._decide(priced, await wanted.lock(tx), answers, settings=settings)
            if rows.orders:
                await take_locked(tx, rows, let_next)

    def _decide(
        self,
        priced: Sequence[_Priced],
        seen: Seen,
        answers: list[Placed | DomainError | None],
        *,
        settings: ShopSettings,
    ) -> Rows:
        """Answer everybody as the counters are, and say what is to be written."""
        decisions = rules.admit(
            seen.levels,
            seen.limits,
            [row.request for row in priced],
            is_split_allowed=settings.is_split_allowed,
            cards=seen.cards,
        )
        rows = Rows()
        for row, decision in zip(priced, decisions, strict=True):
            if isinstance(decision, stock_rules.Refused):
                answers[row.index] = InsufficientStock(decision.shortages)
            elif isinstance(decision, rules.DraftGone):
                answers[row.index] = drafting.placed_before(decision, rows.drafts, rows.orders)
            elif isinstance(decision, (stock_rules.Admitted, rules.WithCards)):
                try:
                    answers[row.index] = self._build(rows, row, decision, seen, settings)
                except AmountNotSupported as refusal:  # of what the cards leave to pay
                    answers[row.index] = refusal
            else:
                answers[row.index] = decision.refusal()
        return rows

    def _build(
        self,
        rows: Rows,
        priced: _Priced,
        decision: stock_rules.Admitted | rules.WithCards,
        seen: Seen,
        settings: ShopSettings,
    ) -> Placed:
        """Add one order and all that hangs on it to what the batch writes."""
        now = seen.now
        assert now is not None  # something is there, so a stock row was read
        placement = priced.placement
        context = self._context
        order = _order(priced, now)
        lines = _lines(order, priced.quote)
        provider = context.providers.get(placement.provider)
        expires_at = now + rules.hold_time(provider.capabilities.hold_kind, settings)
        parts = decision.parts if isinstance(decision, rules.WithCards) else ()
        by_card = pay_by_card(order, parts)
        payment, operation = None, None
        rest_minor = order.due_minor - sum(part.amount_minor for part in parts)
        if rest_minor:
            payment, operation = context.begin_payment(
                order,
                amount_minor=rest_minor,
                provider_name=placement.provider,
                settings=settings,
                expires_at=expires_at,
                now=now,
            )
        rows.pay(by_card, payment, operation)
        self._add_order(rows, order, placement, settings)
        rows.lines += lines
        rows.reservations += [
            Reservation(
                id=ReservationId(new_id()),
                holder_id=order.id,
                order_line_id=lines[take.line].id,
                variant_id=take.variant_id,
                location_id=take.location_id,
                quantity=take.quantity,
                state=ReservationState.ACTIVE,
                expires_at=expires_at,
                is_grace_used=False,
                created_at=now,
                ended_at=None,
                end_reason=None,
            )
            for take in decision.takes
        ]
        rows.promises += (promises := stock_rules.list_promises(lines, decision.takes))
        rows.redemptions += _redemptions(order, priced)
        if placement.draft is not None:
            rows.drafts.append(DraftPlaced(placement.draft, order.id))
        rows.events.append(order_placed(order))
        if operation is not None or payment is None or payment.is_secured:
            rows.keys.append(NewKey(placement.key, placement.request_hash, order.id, None))
            return Placed(order.id)
        placed = PlacedOrder(
            order,
            lines,
            payment,
            expires_at,
            payments=(*by_card, payment),
            backorders=stock_rules.list_backorders(promises, seen.terms),
            cards=tuple(part.left for part in parts),
        )
        body = context.render(placed)
        rows.keys.append(NewKey(placement.key, placement.request_hash, order.id, body))
        return Placed(order.id, CREATED, body)

    def _add_order(
        self, rows: Rows, order: Order, placement: Placement, settings: ShopSettings
    ) -> None:
        rows.orders.append(order)
        if settings.fraud_signals.is_on:
            rows.origins[order.id] = fraud.origin_of(
                placement.client_address, order.shipping_address, self._context.seals
            )


async def _without_changed(
    tx: Transaction, priced: Sequence[_Priced], answers: list[Placed | DomainError | None]
) -> Sequence[_Priced]:
    """Lock the batch's drafts, and refuse whoever read another version of one."""
    refusals = await drafting.find_refusals(tx, [(row.index, row.placement) for row in priced])
    for index, refusal in refusals.items():
        answers[index] = refusal
    return [row for row in priced if row.index not in refusals]


def _redemptions(order: Order, priced: _Priced) -> list[Redemption]:
    use = priced.use
    if use is None:
        return []
    made = RedemptionId(new_id())
    return [Redemption(made, use.coupon.id, order.id, use.buyer, order.placed_at)]


def _order(priced: _Priced, now: datetime) -> Order:
    placement, quote = priced.placement, priced.quote
    return Order(
        id=OrderId(new_id()),
        number=new_order_number(),
        cart_id=placement.cart_id,
        email=placement.email,
        currency=quote.currency,
        subtotal_minor=quote.subtotal_minor,
        discount_minor=quote.discount_minor,
        shipping_minor=quote.shipping_minor,
        shipping_tax_minor=quote.shipping_tax_minor,
        tax_minor=quote.tax_minor,
        total_minor=quote.total_minor,
        is_tax_included=quote.is_tax_included,
        paid_minor=0,
        refunded_minor=0,
        shipping_method=quote.shipping_method,
        shipping_address=placement.shipping_address,
        billing_address=placement.billing_address,
        provider=placement.provider,
        status=OrderStatus.PENDING_PAYMENT,
        payment_status=PaymentStatus.PENDING,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        placed_at=now,
        canceled_at=None,
        cancel_reason=None,
        archived_at=None,
        extensions_used=0,
        version=1,
        changed_by="buyer" if placement.draft is None else placement.draft.actor,
        change_reason="placed" if placement.draft is None else FROM_DRAFT,
        updated_at=now,
        coupon_code=None if quote.coupon is None else quote.coupon.code,
        adjustments=quote.adjustments,
    )


def _lines(order: Order, quote: Quote) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(
            OrderLineId(new_id()),
            order.id,
            position,
            line.product_id,
            line.variant_id,
            line.vendor_id,
            line.sku,
            line.name,
            line.options,
            line.image,
            line.quantity,
            line.unit_price_minor,
            line.discount_minor,
            line.total_minor,
            line.tax_rate or quote.tax_rate,
            line.net_minor,
            line.tax_minor,
            line.gross_minor,
        )
        for position, line in enumerate(quote.lines)
    )


async def place_order(checkout: Checkout, placement: Placement) -> Answer:
    """Place an order and begin its payment; the answer is stored and the same for ever.

    The lane commits the order and its holds; a remote provider is asked afterwards, with no
    transaction open. A retry with the same key carries on from wherever the first one stopped.

    Raises:
        Busy: Nothing was taken; come back.
        IdempotencyKeyReused: The key belongs to another body.
        CartNotFound, NothingToOrder, QuoteExpired, NotForSale, ShippingMethodUnknown,
        ProviderUnknown, CurrencyNotSupported, AmountNotSupported: The request cannot be placed
            as it is.
        PriceChanged: The total is not what the buyer was shown.
        CouponNotApplicable, CouponExhausted, NothingToPay: Of a coupon and what it leaves to pay.
        GiftCardNotUsable, GiftCardBalanceTooLow, GiftCardPaysTooMuch: A card cannot pay its part.
        ToPayChanged: The cards leave another amount than the buyer was shown.
        InsufficientStock: Lists every variant that is short.
        DraftOrderNotFound, DraftOrderPlaced, DraftOrderCanceled, DraftOrderChanged,
        DraftLinkExpired: Of a draft that it carries out.
    """
    placed = await checkout.placing.submit(placement)
    if placed.status is not None and placed.response is not None:
        return Answer(placed.status, placed.response)
    return await _begin_and_answer(checkout, placed.order_id, key=placement.key)


async def _begin_and_answer(checkout: Checkout, order_id: OrderId, *, key: str) -> Answer:
    """Beats 2 and 3 of a payment that needs a provider, then the stored answer.

    Nobody is asked for an order that gift cards pay in full: it is sold; nor for one that is paid
    at the door: it is confirmed.
    """
    async with checkout.db.connection() as connection:
        found = await payment_queries.list_payments(connection, order_ids=[order_id])
        first = next((row for row in found if row.gift_card_id is None), None)
        operation = None
        if first is not None:
            operation = await payment_queries.find_operation(
                connection, payment_id=first.id, kind=OperationKind.CREATE
            )
    if first is None:
        await checkout.settling.submit(SettleCovered(order_id))
    elif first.terms is PaymentTerms.ON_DELIVERY:
        await checkout.settling.submit(TrustToDelivery(order_id))
    elif operation is not None and operation.state in UNANSWERED:
        await ask(checkout, operation)
    async with checkout.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=order_id)
    body = checkout.context.render(placed)
    async with checkout.db.transaction() as tx:
        stored = await idempotency.finish(tx, scope=SCOPE, key=key, status=CREATED, response=body)
    assert stored.status is not None
    assert stored.response is not None
    return Answer(stored.status, stored.response)
