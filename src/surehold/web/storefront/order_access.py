"""Opening one order: by a link once, then by a cookie of that order, or as its account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from surehold.catalog import queries as catalog
from surehold.db import Connection, shop
from surehold.db import clock as db_clock
from surehold.db.shop import ShopSettings
from surehold.identity import queries as identities
from surehold.inventory import queries as inventory
from surehold.inventory.model import Backorder, Reservation
from surehold.kernel.ids import OrderLineId, VariantId
from surehold.orders import queries as orders
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import Order, OrderLine
from surehold.payments import queries as payments
from surehold.payments.gift_cards import queries as gift_cards
from surehold.payments.gift_cards.model import Purse
from surehold.payments.model import Payment, Refund
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.pay_state import Standing
from surehold.web.storefront.visit import Visit

NUMBER: Final = re.compile(r"SH-[0-9A-Z]{4,16}").fullmatch


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An order with all that its buyer's pages need."""

    order: Order
    lines: tuple[OrderLine, ...]
    payments: tuple[Payment, ...]
    #: The cards that pay parts of it.
    cards: tuple[Purse, ...]
    refunds: tuple[Refund, ...]
    reservations: tuple[Reservation, ...]
    backorders: Mapping[OrderLineId, Backorder]
    settings: ShopSettings
    now: datetime

    @property
    def standing(self) -> Standing:
        """The facts that decide what the payment page says."""
        return Standing(
            order=self.order,
            payments=self.payments,
            reservations=self.reservations,
            now=self.now,
        )


def order_url(number: str) -> str:
    """The address of an order."""
    return f"/orders/{number}"


async def enter(store: Store, visit: Visit, connection: Connection, number: str) -> Page | Order:
    """The order, if this browser may see it; a link with a token becomes a clean address.

    Raises:
        OrderNotFound: No such order, or not for this browser. Nobody learns which.
    """
    order = None
    if NUMBER(number):
        order = await orders.find_order_by_number(connection, number=number)
    if order is None:
        raise OrderNotFound("There is no such order.")
    access = store.checkout.context.access
    given = visit.query.get("token")
    if given is not None and access.is_valid(given, order_id=order.id):
        visit.keep_order(number, access.token(order.id))
        if visit.method == "GET":
            return store.go(visit, visit.path)
        return order
    if not access.is_valid(visit.order_token, order_id=order.id) and not await _is_own(
        visit, connection, order
    ):
        raise OrderNotFound("There is no such order.")
    return order


async def _is_own(visit: Visit, connection: Connection, order: Order) -> bool:
    """Whether whoever is signed in has the order in their account."""
    if visit.principal is None:
        return False
    return await identities.is_own_order(
        connection, account_id=visit.principal.account_id, order_id=order.id
    )


async def read(connection: Connection, order: Order) -> Opened:
    """Everything about an order that its buyer may know, read after the order itself."""
    ids = [order.id]
    lines = await orders.list_lines(connection, order_ids=ids)
    found = await payments.list_payments(connection, order_ids=ids)
    cards = {row.gift_card_id for row in found if row.gift_card_id is not None}
    return Opened(
        order=await orders.get_order(connection, order_id=order.id),
        lines=lines.get(order.id, ()),
        payments=found,
        cards=await gift_cards.list_faces(connection, ids=cards),
        refunds=await payments.list_refunds(connection, order_ids=ids),
        reservations=await inventory.list_reservations(connection, holder_ids=ids),
        backorders=await inventory.find_backorders(connection, order_ids=ids),
        settings=await shop.load(connection),
        now=await db_clock.now(connection),
    )


async def find_slugs(
    connection: Connection, lines: Sequence[OrderLine]
) -> Mapping[VariantId, str]:
    """The products among these lines that are still sold."""
    sellable = await catalog.list_sellable(
        connection, variant_ids=[line.variant_id for line in lines]
    )
    return {variant_id: row.slug for (variant_id, _), row in sellable.items()}
