"""A shop with something in it, so that part of what is generated names things that exist."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from proof.inputs.people import STAFF, hire_spares
from proof.inputs.place import Stage
from surehold.kernel.ids import merchant_reference
from tests.builders.catalog import a_product
from tests.support.shop import a_body, a_key

NOBODY: Final = "00000000-0000-7000-8000-000000000000"

PRODUCTS: Final = 12
CARTS: Final = 8
ORDERS: Final = 16
#: So much of each is there that generated orders do not sell the shop out.
ON_HAND: Final = 1_000_000


class Placed(msgspec.Struct, frozen=True):
    """An order, what opens it, and its payment."""

    order_id: str
    token: str
    payment_id: str
    reference: str


class Filled(msgspec.Struct, frozen=True):
    """A cart, what opens it, and one of its lines."""

    cart_id: str
    token: str
    line_id: str


class Shelf(msgspec.Struct, frozen=True):
    """What exists."""

    variants: tuple[str, ...]
    products: tuple[str, ...]
    categories: tuple[str, ...]
    vendors: tuple[str, ...]
    orders: tuple[Placed, ...]
    carts: tuple[Filled, ...]
    reservations: tuple[str, ...]
    quotes: tuple[str, ...]
    #: Accounts of members whom nobody here is.
    spares: tuple[str, ...]


async def stock(stage: Stage) -> Shelf:
    """Fill the shop: products by the builders, the rest over HTTP as buyers and staff do."""
    built = [
        await a_product(
            stage.db,
            sku=f"GEN{number}",
            price=(number + 1) * 250,
            on_hand=0 if number == 0 else ON_HAND,
            sizes=("S", "M") if number % 3 == 0 else (),
            categories=("lamps",) if number % 2 else ("tables", "new"),
        )
        for number in range(PRODUCTS)
    ]
    del built[0]  # sold out: it is met by chance only
    variants = tuple(str(one) for product in built for one in product.variant_ids)
    call = _Caller(stage)
    carts = [
        await call.json("POST", "/cart", {"variant_id": variants[number], "currency": "EUR"})
        for number in range(CARTS)
    ]
    orders = [
        await call.json(
            "POST",
            "/checkout",
            a_body(
                (variants[number % len(variants)], 1 + number % 3),
                (variants[(number + 1) % len(variants)], 1),
                provider="bank_transfer" if number % 2 else "sandbox",
            ),
        )
        for number in range(ORDERS)
    ]
    placed = tuple(_placed(order) for order in orders)
    await _lead_different_lives(call, orders)
    held = [
        await call.json(
            "POST",
            "/inventory/reserve",
            {"lines": [{"variant_id": variants[number], "quantity": 2}], "ttl_seconds": 86_400},
        )
        for number in range(4)
    ]
    quotes = [
        await call.json(
            "POST",
            "/checkout/quote",
            {"lines": [{"variant_id": variants[number], "quantity": 1}], "currency": "EUR"},
        )
        for number in range(4)
    ]
    return Shelf(
        variants=variants,
        products=tuple(str(product.product_id) for product in built)
        + tuple(product.slug for product in built),
        categories=("lamps", "tables", "new"),
        vendors=("northline",),
        orders=placed,
        carts=tuple(Filled(cart["id"], cart["token"], cart["items"][0]["id"]) for cart in carts),
        reservations=tuple(one["id"] for one in held),
        quotes=tuple(one["id"] for one in quotes),
        spares=await hire_spares(stage),
    )


async def _lead_different_lives(call: _Caller, orders: list[Any]) -> None:
    """Some orders are paid, some canceled, some paid with a wrong amount."""
    for number, order in enumerate(orders):
        if number % 2 == 0:
            continue  # the card ones wait for their buyers
        order_id, payment = order["order"]["id"], order["payment"]
        total = order["order"]["total"]
        if number % 8 == 1:
            await call.json("POST", f"/payments/{payment['id']}/confirm", {"received": total})
        elif number % 8 == 3:
            await call.json("POST", f"/orders/{order_id}/cancel", {})
        elif number % 8 == 5:
            wrong = {**total, "amount": total["amount"] + 1}
            await call.json("POST", f"/payments/{payment['id']}/confirm", {"received": wrong})


def _placed(answer: Any) -> Placed:
    payment_id = answer["payment"]["id"]
    return Placed(
        answer["order"]["id"],
        answer["order"]["access_token"],
        payment_id,
        merchant_reference(UUID(payment_id)),
    )


class _Caller:
    """Asks as staff; whatever is not 2xx ends the run, for there is nothing to test then."""

    def __init__(self, stage: Stage) -> None:
        self._shop = stage.shop

    async def json(self, method: str, path: str, body: Any) -> Any:
        answer = await self._shop.client.request(
            method,
            f"{self._shop.base_url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {STAFF}", **a_key()},
        )
        self._shop.client.cookies.clear()
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()
