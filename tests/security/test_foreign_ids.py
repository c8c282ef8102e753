"""IDOR: the ids of other people's things in every field of every route.

The class of Shopware CVE-2026-31887 (through a filter), Sylius CVE-2026-31820 and -31821 (nested,
and into any cart), Spree CVE-2026-22588 (own order, another's address) and -22589 (a guest as
"owner is null"), Craft Commerce CVE-2026-31867 (by a cart's number). A foreign thing must be
answered as a missing one is, byte for byte; so each is asked for twice.

A quote is left out: it is a promise about a basket, an address and terms, holds nobody's data, and
whoever names it is held to all of them (``tests/pricing/test_own_terms.py``).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from surehold.db import Database
from surehold.web.openapi import Described
from tests.support.access import Route, World, a_world, fill
from tests.support.api import ADDRESS, NOBODY, STAFF, Answer, Api, a_key, order_token

#: Whoever may ask for something, and owns nothing that is asked for here.
STRANGERS = ("nobody", "guest", "other_buyer", "other_vendor")
#: What is everybody's to see, or is no id.
PUBLIC = frozenset({"variant_id", "product", "slug", "vendor", "code", "provider"})
_PARAMETER = re.compile(r"\{([a-z_]+):")
#: Fields of bodies that name something of somebody's, and by which id of the world.
FIELDS = {
    "order_id": "order_id",
    "order_ids": "order_id",
    "cart_id": "cart_id",
    "line_id": "order_line_id",
    "payment_ids": "payment_id",
    "refund_id": "refund_id",
    "reservation_id": "reservation_id",
}


async def _victims(api: Api, world: World) -> dict[str, str]:
    """What a buyer, a guest and an admin have, beside the order that there is."""
    ids, buyer, admin = world.ids, world.callers["buyer"], world.callers["admin"]
    line = {"variant_id": ids["variant_id"], "quantity": 1, "currency": "EUR"}
    cart = (await api.post("/cart", line)).body
    ids |= {"cart_id": cart["id"], "cart_token": cart["token"], "line_id": cart["items"][0]["id"]}
    saved = await api.post("/me/addresses", {"address": ADDRESS}, headers=buyer)
    ids["address_id"] = saved.body["id"]
    ids["session_id"] = (await api.get("/me/sessions", headers=buyer)).body["items"][0]["id"]
    key = {"name": "Sync", "scopes": ["orders.read"], "expires_at": None}
    ids["key_id"] = (await api.post("/me/api-keys", key, headers=admin)).body["id"]
    path = f"/orders/{ids['order_id']}"
    lines = (await api.get(f"{path}/lines", headers=STAFF)).body["items"]
    ids["order_line_id"] = lines[0]["id"]
    invoice = await api.post(f"{path}/documents", {"kind": "invoice"}, headers=STAFF)
    ids["document_id"] = invoice.body["id"]
    refund = {"lines": [{"line_id": lines[0]["id"], "quantity": 1}], "reason": "goodwill"}
    refunded = await api.post(f"{path}/refunds", refund, headers={**STAFF, **a_key()})
    assert refunded.status == 201, refunded.raw
    ids["refund_id"] = refunded.body["items"][0]["id"]
    held = {"lines": [{"variant_id": ids["variant_id"], "quantity": 1}], "ttl_seconds": 9_000}
    reserved = await api.post("/inventory/reserve", held, headers={**STAFF, **a_key()})
    ids["reservation_id"] = reserved.body["id"]
    return ids


def _with(value: Any, ids: dict[str, str]) -> Any:
    """A body with these ids wherever a field names something of somebody's."""
    if isinstance(value, list):
        return [_with(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: ([ids[FIELDS[name]]] if isinstance(item, list) else ids[FIELDS[name]])
        if name in FIELDS
        else ids["variant_id"]
        if name == "variant_id"
        else _with(item, ids)
        for name, item in value.items()
    }


def _bodies(said: Described) -> list[Any]:
    """What is sent: the example, and a cart where a basket may be one."""
    body = said.body_example
    if not isinstance(body, dict):
        return [None]
    if "lines" in body and "shipping_method" in body:
        basket = {name: item for name, item in body.items() if name != "lines"}
        return [{**basket, "cart_id": ""}]
    return [body]


def _told(answer: Answer, ids: dict[str, str]) -> tuple[int, Any]:
    """An answer without what must differ: the request's id, and the ids that were asked for."""
    text = answer.raw.decode("utf-8", "replace")
    for one in (*ids.values(), NOBODY):
        text = text.replace(one, "an-id")
    if answer.type != "application/problem+json":
        return answer.status, text
    problem = msgspec.json.decode(text)
    problem.pop("instance")
    return answer.status, problem


async def test_idor_ids_of_others_in_every_field_are_missing_ones(api: Api, db: Database) -> None:
    world = await a_world(api)
    theirs = await _victims(api, world)
    mine = await api.buy(theirs["variant_id"], email="guest@example.com")
    own = {"order_id": mine["order"]["id"], "payment_id": mine["payment"]["id"]}
    callers = {name: dict(world.callers[name]) for name in STRANGERS}
    callers["guest"] = order_token(mine)
    line = {"variant_id": theirs["variant_id"], "quantity": 1, "currency": "EUR"}
    callers["guest"]["X-Cart-Token"] = (await api.post("/cart", line)).body["token"]
    private = {name: one for name, one in theirs.items() if name not in PUBLIC}
    public = {name: one for name, one in theirs.items() if name in PUBLIC}
    missing = public | dict.fromkeys(private, NOBODY)
    before = await _seen(api, world, theirs)
    asked, wrong = 0, {}

    async def ask(route: Route, url: str, body: Any, who: str) -> tuple[int, Any]:
        answer = await api(
            route.method,
            url.removeprefix("/api/v1"),
            json=body,
            headers={**a_key(), **callers[who]},
        )
        return _told(answer, private | own)

    for route in world.routes:
        names = set(_PARAMETER.findall(route.path)) - PUBLIC
        bodies = _bodies(route.said) if route.said else [None]
        for body in bodies:
            is_nested = body is not None and _with(body, theirs) != _with(body, missing)
            if not (names or is_nested):
                continue
            for who in STRANGERS:
                # By the path, and in an order of one's own by what lies below it.
                for start in ({}, own if who == "guest" else None):
                    if start is None or (start and not (names - set(own) or is_nested)):
                        continue
                    pair = [
                        await ask(route, fill(route.path, ids | start), _with(body, ids), who)
                        for ids in (missing, theirs)
                    ]
                    asked += 1
                    if pair[0] != pair[1]:
                        wrong[route.method, route.path, who, bool(start)] = pair

    assert wrong == {}
    assert asked > 300
    assert await _seen(api, world, theirs) == before


async def _seen(api: Api, world: World, ids: dict[str, str]) -> list[Any]:
    """The victims' things, as they see them themselves."""
    buyer, admin = world.callers["buyer"], world.callers["admin"]
    order, payment = ids["order_id"], ids["payment_id"]
    reads = (
        (f"/orders/{order}", STAFF),
        (f"/orders/{order}/events", STAFF),
        (f"/orders/{order}/documents", STAFF),
        (f"/payments/{payment}", STAFF),
        ("/cart", {"X-Cart-Token": ids["cart_token"]}),
        ("/me/addresses", buyer),
        ("/me/orders", buyer),
        ("/me/api-keys", admin),
    )
    answers = [await api.get(path, headers=headers) for path, headers in reads]
    assert {answer.status for answer in answers} == {200}
    sessions = (await api.get("/me/sessions", headers=buyer)).body["items"]
    return [*[answer.raw for answer in answers], [row["id"] for row in sessions]]


async def test_idor_a_guest_is_not_the_owner_of_what_has_none(api: Api, db: Database) -> None:
    world = await a_world(api)
    await _victims(api, world)  # a guest's order, and a cart that is nobody's account's
    nothing = ("", "null", "None", "undefined", "0", NOBODY, "\0", "[]")

    lists = {
        path: [
            (await api.get(path, headers=headers)).status
            for headers in ({}, *({name: value} for value in nothing))
        ]
        for path, name in (
            ("/cart", "X-Cart-Token"),
            ("/wishlist", "X-Wishlist-Token"),
            ("/me/orders", "Authorization"),
            ("/orders", "Authorization"),
            (f"/orders/{world.ids['order_id']}", "X-Order-Token"),
        )
    }
    otto = await api.get("/me/orders", headers=world.callers["other_buyer"])

    assert {path: set(found) for path, found in lists.items()} == {
        "/cart": {404},
        "/wishlist": {404},
        "/me/orders": {401},
        "/orders": {401},
        f"/orders/{world.ids['order_id']}": {404},
    }
    assert (otto.status, otto.body["items"]) == (200, [])
