"""Orders for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from pydantic import SecretStr

from surehold.app import checkout_of
from surehold.checkout import commands, queries
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor, PlacedOrder, Placement
from surehold.checkout.rules.fulfilling import Parcel
from surehold.config import Config, Mode
from surehold.db import Database
from surehold.db.idempotency import hash_request
from surehold.kernel.ids import OrderId, VariantId
from surehold.kernel.money import Money
from surehold.orders.model import Address, OrderStatus
from surehold.payments import queries as payments
from surehold.payments.model import OperationKind
from surehold.payments.providers.registry import Providers

ADDRESS: Final = Address(
    name="Ada Buyer", line1="1 Long Street", city="Dublin", country="IE", postal_code="D01 F5P2"
)
STAFF: Final = Actor("staff:test")

_numbers: Final = count(1)


def a_config() -> Config:
    """Settings of a test, whatever the environment says."""
    return Config(_env_file=None, mode=Mode.TEST, secret_keys=(SecretStr("test-" + "k" * 30),))


@asynccontextmanager
async def a_checkout(
    db: Database, *, config: Config | None = None, providers: Providers | None = None
) -> AsyncIterator[Checkout]:
    """An open checkout; bank transfer is the only way to pay unless others are given."""
    checkout = checkout_of(config or a_config(), db, providers=providers)
    await checkout.open()
    try:
        yield checkout
    finally:
        await checkout.close()
        await checkout.context.providers.close()


def a_placement(
    lines: Sequence[tuple[VariantId, int]], *, key: str | None = None, provider: str | None = None
) -> Placement:
    """A checkout of these variants and quantities, each with a key of its own."""
    key = key or f"key-{next(_numbers)}"
    return Placement(
        key=key,
        request_hash=hash_request(key.encode()),
        email="ada@example.com",
        shipping_address=ADDRESS,
        billing_address=None,
        shipping_method="standard",
        provider=provider or "bank_transfer",
        lines=tuple(lines),
        currency="USD",
    )


async def a_placed_order(
    checkout: Checkout,
    lines: Sequence[tuple[VariantId, int]],
    *,
    key: str | None = None,
    provider: str | None = None,
) -> PlacedOrder:
    """An order that waits for its payment."""
    placed = await checkout.placing.submit(a_placement(lines, key=key, provider=provider))
    return await look_at(checkout, placed.order_id)


async def begin_payment(checkout: Checkout, placed: PlacedOrder) -> PlacedOrder:
    """Ask the remote provider of an order, as the request that placed it goes on to do."""
    assert placed.payment is not None
    async with checkout.db.connection() as connection:
        operation = await payments.find_operation(
            connection, payment_id=placed.payment.id, kind=OperationKind.CREATE
        )
    assert operation is not None
    await commands.ask(checkout, operation)
    return await look_at(checkout, placed.order.id)


async def a_paid_order(
    checkout: Checkout, lines: Sequence[tuple[VariantId, int]], *, key: str | None = None
) -> PlacedOrder:
    """An order whose transfer has arrived."""
    placed = await a_placed_order(checkout, lines, key=key)
    await pay(checkout, placed)
    return await look_at(checkout, placed.order.id)


async def pay(checkout: Checkout, placed: PlacedOrder, *, received: Money | None = None) -> str:
    """Confirm the transfer of an order; returns what came of it."""
    assert placed.payment is not None
    outcome = await commands.confirm_payment(
        checkout,
        payment_id=placed.payment.id,
        received=received or placed.payment.requested,
        actor=STAFF,
    )
    return outcome.effect


async def look_at(checkout: Checkout, order_id: OrderId) -> PlacedOrder:
    """An order as it is now."""
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def ship(checkout: Checkout, order_id: OrderId) -> None:
    """Everything that an order owns has left the building."""
    await commands.reach_status(
        checkout,
        order_id=order_id,
        status=OrderStatus.SHIPPED,
        actor=STAFF,
        parcel=Parcel("dhl", "T1"),
    )
