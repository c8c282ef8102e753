"""Aiming what was generated: real ids and plain values here and there, and who is asking.

Schemathesis knows the shapes. Of an order that exists, the token that opens it, or a currency
that the shop counts in, it knows nothing, and without them nearly every case would be refused at
the door.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from schemathesis import Case

from proof.inputs.shelf import CRON, STAFF, Filled, Placed, Shelf


class Who(enum.Enum):
    """Whose proof a request carries."""

    NOBODY = "nobody"
    STAFF = "staff"
    CRON = "cron"
    BUYER = "buyer"
    STRANGER = "stranger"


_WHO: Final = (Who.NOBODY, Who.STAFF, Who.CRON, Who.BUYER, Who.STRANGER)
_OFTEN: Final = (15, 30, 10, 35, 10)
#: How often a field with a known name gets a value that the shop knows.
_KNOWN_PART: Final = 0.8
#: How often a case is aimed at all.
_AIMED_PART: Final = 0.6

#: What a shop's security schemes accept as proof.
PROOFS: Final[Mapping[str, frozenset[Who]]] = {
    "staff": frozenset({Who.STAFF}),
    # Nobody here has signed in.
    "account": frozenset(),
    "browser_session": frozenset(),
    "cron": frozenset({Who.CRON}),
    "order_token": frozenset({Who.BUYER}),
    "cart_token": frozenset({Who.BUYER}),
}
_FORGED: Final = ("x", "\u00e9" * 20, "a" * 5_000, "0", "Bearer", STAFF[:-1], CRON + "x")


class Aim(msgspec.Struct, frozen=True):
    """What one case is about, and who asks."""

    who: Who
    is_aimed: bool
    order: Placed
    cart: Filled
    headers: dict[str, str]


def take_aim(shelf: Shelf, rng: random.Random, keys: list[str]) -> Aim:
    """Choose who asks, and about which order and cart. ``keys`` were used before."""
    (who,) = rng.choices(_WHO, _OFTEN)
    order, cart = rng.choice(shelf.orders), rng.choice(shelf.carts)
    headers = _proof(who, order, cart, rng)
    if rng.random() < _KNOWN_PART:
        headers["Idempotency-Key"] = _key(rng, keys)
    return Aim(who, rng.random() < _AIMED_PART, order, cart, headers)


def _key(rng: random.Random, keys: list[str]) -> str:
    if keys and rng.random() < 0.15:
        return rng.choice(keys)
    keys.append(f"{rng.getrandbits(64):016x}")
    return keys[-1]


def _proof(who: Who, order: Placed, cart: Filled, rng: random.Random) -> dict[str, str]:
    match who:
        case Who.STAFF:
            return {"Authorization": f"Bearer {STAFF}"}
        case Who.CRON:
            return {"Authorization": f"Bearer {CRON}"}
        case Who.BUYER:
            return {"X-Order-Token": order.token, "X-Cart-Token": cart.token}
        case Who.STRANGER:
            forged = rng.choice(_FORGED).encode().decode("latin-1")
            name = rng.choice(("Authorization", "X-Order-Token", "X-Cart-Token"))
            return {name: f"Bearer {forged}" if name == "Authorization" else forged}
        case _:
            return {}


def apply(case: Case, shelf: Shelf, aim: Aim, rng: random.Random) -> None:
    """Put real values into an aimed case; another is left as it was generated."""
    if not aim.is_aimed:
        return
    known = _known(shelf, aim)
    for container in (case.path_parameters, case.query):
        for name in list(container or {}):
            if name in known and rng.random() < _KNOWN_PART:
                container[name] = known[name](rng)
    if isinstance(case.body, dict):
        case.body = _one_basket(_aimed(case.body, known, rng), shelf, rng)


def _known(shelf: Shelf, aim: Aim) -> dict[str, Callable[[random.Random], Any]]:
    def always(value: Any) -> Callable[[random.Random], Any]:
        return lambda _: value

    def one_of(*values: Any) -> Callable[[random.Random], Any]:
        return lambda rng: rng.choice(values)

    return {
        "order_id": always(aim.order.order_id),
        "payment_id": always(aim.order.payment_id),
        "reference": always(aim.order.reference),
        "cart_id": always(aim.cart.cart_id),
        "line_id": always(aim.cart.line_id),
        "variant_id": one_of(*shelf.variants),
        "product": one_of(*shelf.products),
        "slug": one_of(*shelf.categories, *shelf.vendors),
        "category": one_of(*shelf.categories),
        "vendor": one_of(*shelf.vendors),
        "search": one_of("product", "gen1", "brass"),
        "reservation_id": one_of(*shelf.reservations),
        "quote_id": one_of(*shelf.quotes),
        "quantity": one_of(1, 2, 3, 999),
        # One country whose addresses need nothing more; odd ones come from the schema.
        "country": always("IE"),
        "postal_code": one_of(None, "H91 X2KP", "h91x2kp"),
        "region": one_of(None, "Co. Galway", "galway"),
        "phone": one_of(None, "091 123 456"),
        "currency": one_of("EUR", "EUR", "EUR", "USD", "GBP"),
        "provider": one_of("bank_transfer", "bank_transfer", "sandbox", "nobody"),
        "shipping_method": one_of("standard"),
        "email": one_of("mara@example.com", "bjørn@exämple.de"),
        "coupon": always(None),
        "cursor": always(None),
    }


def _aimed(value: Any, known: Mapping[str, Any], rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {
            name: known[name](rng)
            if name in known and rng.random() < _KNOWN_PART
            else _aimed(item, known, rng)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_aimed(item, known, rng) for item in value]
    return value


def _one_basket(body: dict[str, Any], shelf: Shelf, rng: random.Random) -> dict[str, Any]:
    """A basket is a cart or lines, never both, which no schema can say: mostly obey."""
    if "shipping_method" not in body or rng.random() < 0.1:
        return body
    if rng.random() < 0.3 and "cart_id" in body:
        body.pop("lines", None)
        return body
    body.pop("cart_id", None)
    lines = body.get("lines")
    if not lines or rng.random() < 0.5:
        body["lines"] = [{"variant_id": rng.choice(shelf.variants), "quantity": 1}]
    for name in ("expected_total", "quote_id"):
        if rng.random() < 0.6:
            body.pop(name, None)
    return body
