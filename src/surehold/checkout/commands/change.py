"""Changing a placed order before it is sent: what it would come to, made, taken back."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.catalog import queries as catalog
from surehold.checkout import queries
from surehold.checkout.commands.ask import UNANSWERED, ask
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor, PlacedOrder
from surehold.checkout.rules import ChangeWish, destination_of
from surehold.checkout.settlements import (
    CancelChange,
    ChangeOrder,
    Keep,
    Outcome,
    PreviewChange,
)
from surehold.kernel.ids import OrderChangeId, OrderId, PaymentId, VariantId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.orders import queries as orders
from surehold.orders.changes.model import OrderChange
from surehold.payments import queries as payments
from surehold.payments.model import OperationKind
from surehold.pricing import rules as pricing
from surehold.pricing.model import OwnTerms, Quote

#: Where the keys of changes are kept.
CHANGES: Final = "order-changes"

#: Shipping stays as it was promised.
_NO_SHIPPING: Final = OwnTerms(shipping_minor=0)


async def change_order(
    checkout: Checkout,
    *,
    order_id: OrderId,
    change_id: OrderChangeId,
    wish: ChangeWish,
    reason: str,
    actor: Actor,
    keep: Keep | None = None,
) -> PlacedOrder:
    """Change an order before anything of it was sent: units given up, lines added.

    What is added has the prices of this moment, without promotions; shipping stays as promised.
    Where the buyer owes no more it is made at once, and what is too much goes back. Where they do,
    what is added is held until the difference is paid, and the order stays as it is until then. An
    order that waits for its money is asked for what is due now. Each call counts, but for one key
    only once: the key's answer is kept under ``CHANGES``.

    Raises:
        OrderNotFound, InvalidInput, NotForSale, OrderNotChangeable, ChangeAwaitsPayment,
        PaymentInProgress, UnitsNotCancelable, TaxDiffers, NothingLeft, InsufficientStock,
        RefundExceedsPaid, DifferenceChanged, ProviderUnknown, CurrencyNotSupported,
        AmountNotSupported: As named.
    """
    require(Permission.ORDERS_WRITE)
    if keep is None:
        keep = Keep(CHANGES, f"{order_id}:{new_id()}", b"", checkout.context.render)
    quote = await _price(checkout, order_id, wish)
    outcome = await checkout.settling.submit(
        ChangeOrder(order_id, change_id, wish, quote, reason, actor, keep)
    )
    await ask_create(checkout, outcome.payment_id)
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def ask_create(checkout: Checkout, payment_id: PaymentId | None) -> None:
    """Ask the provider for a payment that was begun, unless it was asked or there is none."""
    if payment_id is None:
        return
    async with checkout.db.connection() as connection:
        operation = await payments.find_operation(
            connection, payment_id=payment_id, kind=OperationKind.CREATE
        )
    if operation is not None and operation.state in UNANSWERED:
        await ask(checkout, operation)


async def preview_change(
    checkout: Checkout, *, order_id: OrderId, wish: ChangeWish
) -> OrderChange:
    """What ``change_order`` would come to now. Changes nothing and promises nothing.

    Raises:
        Whatever ``change_order`` raises.
    """
    require(Permission.ORDERS_WRITE)
    quote = await _price(checkout, order_id, wish)
    outcome = await checkout.settling.submit(
        PreviewChange(order_id, OrderChangeId(new_id()), wish, quote, "", Actor("preview"))
    )
    assert outcome.change is not None
    return outcome.change


async def cancel_change(
    checkout: Checkout, *, order_id: OrderId, change_id: OrderChangeId, actor: Actor
) -> Outcome:
    """Take a change back that waits for its payment. Twice is once.

    Raises:
        OrderNotFound, OrderChangeNotFound, ChangeNotCancelable: As named.
    """
    require(Permission.ORDERS_WRITE)
    return await checkout.settling.submit(CancelChange(order_id, change_id, actor))


async def price_added(
    checkout: Checkout,
    *,
    order_id: OrderId,
    add: tuple[tuple[VariantId, int], ...],
    vat_id: str | None,
) -> Quote:
    """What is added, at the prices of this moment; no promotion looks at it, or at the rest.

    Raises:
        OrderNotFound: No such order.
        NotForSale: Lists every variant that cannot be bought in the order's currency.
    """
    async with checkout.db.connection() as connection:
        order = await orders.get_order(connection, order_id=order_id)
        terms, now = await checkout.context.books.load(connection)
        sellable = await catalog.list_sellable(
            connection, variant_ids=[variant_id for variant_id, _ in add]
        )
    plain = msgspec.structs.replace(terms.book, promotions=())
    return pricing.quote(
        add,
        sellable=sellable,
        currency=order.currency,
        terms=pricing.Terms(terms.settings, plain),
        now=now,
        destination=destination_of(order.shipping_address),
        vat_id=vat_id,
        own=_NO_SHIPPING,
    )


async def _price(checkout: Checkout, order_id: OrderId, wish: ChangeWish) -> Quote | None:
    if not wish.add:
        return None
    return await price_added(checkout, order_id=order_id, add=wish.add, vat_id=wish.vat_id)
