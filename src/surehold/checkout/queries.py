"""What the outside may read of a checkout: a basket's price, an order as its buyer sees it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from surehold.catalog import queries as catalog
from surehold.checkout.errors import NothingToOrder
from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.checkout.rules import destination_of
from surehold.db import Connection
from surehold.inventory import queries as inventory
from surehold.kernel.ids import OrderId, VariantId
from surehold.orders import queries as orders
from surehold.orders.changes import queries as changes
from surehold.orders.changes.model import ChangeState, OrderChange
from surehold.orders.drafts.model import DraftContent
from surehold.orders.model import STAFF_SCOPE, Scope
from surehold.payments import queries as payments
from surehold.payments.gift_cards import queries as gift_cards
from surehold.payments.model import find_main
from surehold.pricing import queries as coupons
from surehold.pricing import rules as pricing
from surehold.pricing.errors import NotForSale, ShippingMethodUnknown
from surehold.pricing.model import Destination, OwnTerms, Quote, ShippingOption
from surehold.pricing.queries import Books


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know the price of. Without an address: in the store's country."""

    lines: tuple[tuple[VariantId, int], ...]
    currency: str
    shipping_method: str | None = None
    destination: Destination | None = None
    coupon: str | None = None
    vat_id: str | None = None
    #: What staff set for it themselves.
    own_terms: OwnTerms | None = None
    #: Whose it is, for promotions that ask whether an order is the first.
    email: str | None = None


class PricedBasket(msgspec.Struct, frozen=True):
    """A quote, and every way in which the goods could be had there."""

    quote: Quote
    shipping_options: tuple[ShippingOption, ...]


async def price_basket(connection: Connection, *, books: Books, basket: Basket) -> PricedBasket:
    """What a basket costs now, under the terms in force. Promises nothing and holds nothing.

    A coupon that does not apply is no fault here: the quote says why. The total may be 0.

    Raises:
        NothingToOrder: The basket is empty.
        NotForSale: Lists every variant that cannot be bought in this currency.
        ShippingMethodUnknown: Nothing is sent this way there.
    """
    if not basket.lines:
        raise NothingToOrder("There is nothing in the basket.")
    terms, now = await books.load(connection)
    sellable = await catalog.list_sellable(
        connection, variant_ids=[variant_id for variant_id, _ in basket.lines]
    )
    asked = await find_asked(connection, code=basket.coupon)
    quote = pricing.quote(
        basket.lines,
        sellable=sellable,
        currency=basket.currency,
        terms=terms,
        now=now,
        shipping_method=basket.shipping_method,
        destination=basket.destination,
        asked=asked,
        vat_id=basket.vat_id,
        own=basket.own_terms,
        is_first=await find_first(connection, terms=terms, email=basket.email),
    )
    options = pricing.list_options(
        terms,
        pricing.find_area(terms, basket.destination),
        currency=basket.currency,
        parcel=pricing.parcel_of(quote, sellable),
    )
    return PricedBasket(quote, options)


def basket_of(
    content: DraftContent,
    *,
    destination: Destination | None = None,
    shipping_method: str | None = None,
    email: str | None = None,
) -> Basket:
    """What a draft asks for; what it leaves open is as given here."""
    address = content.shipping_address
    return Basket(
        lines=content.demand,
        currency=content.currency,
        shipping_method=content.shipping_method or shipping_method,
        destination=destination if address is None else destination_of(address),
        coupon=content.coupon,
        vat_id=content.vat_id,
        own_terms=content.own_terms,
        email=content.email or email,
    )


async def total_drafts(
    connection: Connection, *, books: Books, contents: Sequence[DraftContent]
) -> tuple[int | None, ...]:
    """What each of these drafts comes to now; ``None`` for one that cannot be priced."""
    terms, now = await books.load(connection)
    wanted = {variant_id for row in contents for variant_id, _ in row.demand}
    sellable = await catalog.list_sellable(connection, variant_ids=wanted)
    codes = {row.coupon for row in contents if row.coupon is not None}
    found = await coupons.find_coupons(connection, codes=codes) if codes else {}
    emails = {row.email for row in contents if row.email is not None}
    returning: frozenset[str] = frozenset()
    if terms.asks_for_first:
        returning = await orders.find_returning(connection, emails=emails)
    totals: list[int | None] = []
    for row in contents:
        basket = basket_of(row)
        code = row.coupon
        try:
            quote = pricing.quote(
                basket.lines,
                sellable=sellable,
                currency=basket.currency,
                terms=terms,
                now=now,
                shipping_method=basket.shipping_method,
                destination=basket.destination,
                asked=None if code is None else pricing.Asked(code, found.get(code)),
                vat_id=basket.vat_id,
                own=basket.own_terms,
                is_first=None if row.email is None else row.email not in returning,
            )
        except (NotForSale, ShippingMethodUnknown):
            totals.append(None)
        else:
            totals.append(quote.total_minor)
    return tuple(totals)


async def find_first(
    connection: Connection, *, terms: pricing.Terms, email: str | None
) -> bool | None:
    """Whether an order of this address would be its buyer's first; asks only where it matters."""
    if email is None:
        return None
    if not terms.asks_for_first:
        return True
    return not await orders.find_returning(connection, emails=[email])


async def find_asked(connection: Connection, *, code: str | None) -> pricing.Asked | None:
    """The coupon that a buyer asks for, if it exists; ``None`` when none is asked for."""
    if code is None:
        return None
    found = await coupons.find_coupons(connection, codes=[code])
    return pricing.Asked(code, found.get(code))


async def get_placed_order(
    connection: Connection, *, order_id: OrderId, scope: Scope = STAFF_SCOPE
) -> PlacedOrder:
    """An order within a scope: its lines, payments, refunds, parcels, and how long it is held.

    Raises:
        OrderNotFound: There is none with this id, or it is outside the scope.
    """
    order = await orders.get_order(connection, order_id=order_id, scope=scope)
    lines = await orders.list_lines(connection, order_ids=[order_id], scope=scope)
    found = await payments.list_payments(connection, order_ids=[order_id])
    refunds = await payments.list_refunds(connection, order_ids=[order_id])
    refund_lines = await payments.list_refund_lines(connection, refunds=refunds)
    holds = await inventory.list_reservations(connection, holder_ids=[order_id])
    refunds = await payments.list_refunds(connection, order_ids=[order_id])
    parcels = await orders.list_fulfillments(connection, order_id=order_id, scope=scope)
    backorders = await inventory.find_backorders(connection, order_ids=[order_id])
    known: list[OrderChange] = []
    if order.change_count:
        known = await changes.list_changes(connection, order_ids=[order_id])
    unapplied = {
        line.id
        for row in known
        if row.state is not ChangeState.APPLIED
        for line in row.content.lines
    }
    cards = {row.gift_card_id for row in found} | {row.store_credit_id for row in refunds}
    return PlacedOrder(
        order=order,
        lines=lines.get(order_id, ()),
        payment=find_main(found),
        reserved_until=reserved_until(
            tuple(row for row in holds if row.order_line_id not in unapplied)
        ),
        payments=found,
        refunds=refunds,
        fulfillments=parcels,
        refund_lines=tuple(line for rows in refund_lines.values() for line in rows),
        backorders=backorders,
        cards=await gift_cards.list_faces(
            connection, ids=[card_id for card_id in cards if card_id is not None]
        ),
        changes=tuple(known),
    )
