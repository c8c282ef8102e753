"""Aiming what was generated: real ids and plain values here and there, and who is asking.

Schemathesis knows the shapes. Of an order that exists, the token that opens it, or a currency
that the shop counts in, it knows nothing, and without them nearly every case would be refused at
the door.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from schemathesis import Case

from proof.inputs.people import BY_TOKEN, CRON, KNOWN_BUYER, STAFF, Who
from proof.inputs.shelf import Filled, Placed, Shelf
from tests.builders.accounts import PASSWORD

#: Who asks how often: staff's routes are most of them, and buyers' lead furthest.
_OFTEN: Final[Mapping[Who, int]] = {
    Who.NOBODY: 5,
    Who.STRANGER: 5,
    Who.GUEST: 22,
    Who.BUYER: 12,
    Who.OTHER_BUYER: 4,
    Who.BROWSER: 6,
    Who.VENDOR: 5,
    Who.OTHER_VENDOR: 3,
    Who.UNPERMITTED: 4,
    Who.STAFF: 8,
    Who.ADMIN: 14,
    Who.KEY: 3,
    Who.WIDE_KEY: 6,
    Who.OPERATOR: 18,
    Who.CRON: 4,
}
#: How often a field with a known name gets a value that the shop knows.
_KNOWN_PART: Final = 0.8
#: How often a case is aimed at all.
_AIMED_PART: Final = 0.6

_FORGED: Final = ("x", "\u00e9" * 20, "a" * 5_000, "0", "Bearer", STAFF[:-1], CRON + "x")


class Aim(msgspec.Struct, frozen=True):
    """What one case is about, and who asks."""

    who: Who
    is_aimed: bool
    order: Placed
    cart: Filled
    headers: dict[str, str]


def deal(rng: random.Random) -> list[Who]:
    """Who asks next, for a hundred cases or so: everybody as often as they are meant to."""
    deck = [who for who, often in _OFTEN.items() for _ in range(often)]
    rng.shuffle(deck)
    return deck


def take_aim(
    who: Who, proof: dict[str, str], shelf: Shelf, rng: random.Random, keys: list[str]
) -> Aim:
    """Choose about which order and cart somebody asks. ``keys`` were used before."""
    order, cart = rng.choice(shelf.orders), rng.choice(shelf.carts)
    headers = dict(_forged(rng) if who is Who.STRANGER else proof)
    if who in BY_TOKEN:
        headers["X-Cart-Token"] = cart.token
    if who is Who.GUEST:
        headers["X-Order-Token"] = order.token
    if rng.random() < _KNOWN_PART:
        headers["Idempotency-Key"] = _key(rng, keys)
    return Aim(who, rng.random() < _AIMED_PART, order, cart, headers)


def _key(rng: random.Random, keys: list[str]) -> str:
    if keys and rng.random() < 0.15:
        return rng.choice(keys)
    keys.append(f"{rng.getrandbits(64):016x}")
    return keys[-1]


def _forged(rng: random.Random) -> dict[str, str]:
    text = rng.choice(_FORGED).encode().decode("latin-1")
    name, start = rng.choice(
        (
            ("Authorization", "Bearer "),
            ("X-Order-Token", ""),
            ("X-Cart-Token", ""),
            ("Cookie", "surehold_session="),
        )
    )
    return {name: start + text}


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
        "email": one_of("mara@example.com", KNOWN_BUYER, "bjørn@exämple.de"),
        "password": one_of(PASSWORD, "not-the-password"),
        "account_id": one_of(*shelf.spares),
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
