"""Everybody who may call the API, in a store with one order of one vendor; and what they call."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from surehold.identity import commands, queries
from surehold.identity.model import AccountKind
from surehold.identity.permissions import EVERYTHING, Permission
from surehold.kernel.ids import VendorId, merchant_reference
from surehold.web.openapi import Described, routes_of
from tests.builders.accounts import (
    SHELL,
    a_customer,
    a_member,
    an_identity,
    sign_in,
)
from tests.builders.catalog import a_product, a_vendor
from tests.builders.drafts import a_draft
from tests.support.api import NOBODY, STAFF, Api, a_key, order_token

MATRIX: Final = Path(__file__).parents[1] / "web" / "access_matrix.csv"
#: Whoever calls, in the order of the columns.
CALLERS: Final = (
    "nobody",
    "guest",
    "buyer",
    "other_buyer",
    "vendor",
    "other_vendor",
    "unpermitted",
    "staff",
    "admin",
    "key",
    "operator",
)
FIELDS: Final = ("method", "path", "asks", *CALLERS)
#: Ends the caller's own session, so it comes last.
_LAST: Final = "/api/v1/auth/logout"


class Route(msgspec.Struct, frozen=True):
    """One route as it is called, and what it says of itself."""

    method: str
    path: str
    said: Described | None
    url: str

    @property
    def name(self) -> tuple[str, str]:
        return self.method, self.path

    @property
    def asks(self) -> str:
        """What it asks of its caller: a permission, some other proof, or nothing."""
        if self.said is None or not self.said.security:
            return "public"
        if self.said.permission is None:
            return self.said.security[0]
        return self.said.permission.value


class World(msgspec.Struct, frozen=True):
    """The store, and the headers of whoever calls."""

    callers: dict[str, dict[str, str]]
    routes: tuple[Route, ...]
    #: What there is, by the names that paths give it.
    ids: dict[str, str]


async def a_world(api: Api) -> World:
    """One order with goods of one vendor, bought by a guest whose address is a buyer's."""
    async with api.db.transaction() as tx:
        vendor = await a_vendor(tx, slug="northline")
        other = await a_vendor(tx, slug="tarn")
    lamp = await a_product(api.db, sku="LAMP", slug="lamp", vendor="northline")
    placed = await api.buy((lamp.variant_id, 2))
    order_id, payment_id = placed["order"]["id"], placed["payment"]["id"]
    paid = {"received": placed["order"]["total"]}
    await api.post(f"/payments/{payment_id}/confirm", paid, headers=STAFF)
    path = f"/orders/{order_id}/fulfillments"
    parcels = await api.post(path, headers={**STAFF, **a_key()})
    draft = await a_draft(api.db, (lamp.variant_id, 1))
    ids = {
        "order_id": order_id,
        "payment_id": payment_id,
        "fulfillment_id": parcels.body["items"][0]["id"],
        "draft_id": str(draft.id),
        "variant_id": str(lamp.variant_id),
        "reference": merchant_reference(UUID(payment_id)),
        "product": "lamp",
        "slug": "northline",
        "code": "DE",
        "provider": "bank_transfer",
    }
    routes = (
        Route(method, path, said, fill(path, ids))
        for path, method, said in routes_of(api.application.router)
    )
    return World(
        await _callers(api, placed, vendor, other),
        tuple(sorted(routes, key=lambda route: (route.path == _LAST, route.path, route.method))),
        ids,
    )


async def _callers(
    api: Api, placed: Any, vendor: VendorId, other: VendorId
) -> dict[str, dict[str, str]]:
    identity = an_identity(api.db)
    for code, held in (("all", EVERYTHING), ("none", frozenset())):
        await commands.create_role(
            identity, principal=SHELL, code=code, name=code, permissions=sorted(held, key=str)
        )
    await a_customer(identity, "mara@example.com")
    await a_customer(identity, "otto@example.com")
    for email, vendor_id in (("vera@example.com", vendor), ("theo@example.com", other)):
        await a_member(
            identity, email, kind=AccountKind.VENDOR, roles=("all",), vendor_id=vendor_id
        )
    await a_member(identity, "nick@example.com", roles=("none",))
    await a_member(identity, "sara@example.com", roles=("all",))
    await a_member(identity, "ada@example.com", kind=AccountKind.ADMIN)
    people = {
        "buyer": "mara@example.com",
        "other_buyer": "otto@example.com",
        "vendor": "vera@example.com",
        "other_vendor": "theo@example.com",
        "unpermitted": "nick@example.com",
        "staff": "sara@example.com",
        "admin": "ada@example.com",
    }
    tokens = {
        name: str((await sign_in(identity, email)).access_token) for name, email in people.items()
    }
    async with api.db.connection() as connection:
        found = await queries.find_by_bearer(connection, identity, token=tokens["admin"])
    assert found is not None
    _, key = await commands.create_key(
        api.db,
        principal=found[0],
        name="narrow",
        scopes=[Permission.SETTINGS_WRITE],
        expires_at=None,
    )
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return {
        "nobody": {},
        "guest": order_token(placed),
        **headers,
        "key": {"Authorization": f"Bearer {key}"},
        "operator": STAFF,
    }


def fill(path: str, ids: dict[str, str]) -> str:
    """A path with what there is in it, and with what there is not where nothing fits."""
    steps = []
    for step in path.split("/"):
        name = step[1:].partition(":")[0]
        steps.append(ids.get(name, NOBODY) if step.startswith("{") else step)
    return "/".join(steps)


async def call(api: Api, world: World, route: Route, caller: str) -> int:
    """What somebody is answered. Whoever may is stopped by a body that nobody understands."""
    content = None if route.method in {"GET", "DELETE"} else b'{"nonsense": 1}'
    headers = {"Content-Type": "application/json", **a_key(), **world.callers[caller]}
    path = route.url.removeprefix("/api/v1")
    return (await api(route.method, path, content=content, headers=headers)).status


async def call_well(api: Api, world: World, route: Route, caller: str) -> int:
    """What somebody is answered who sends what the route describes: its own example."""
    assert route.said is not None
    example = route.said.body_example
    if example is not None and not isinstance(example, str):
        example = msgspec.json.encode(example).decode()
    asked = {} if route.said.query is None else _needed(route.said.query, world.ids)
    answer = await api(
        route.method,
        f"{route.url.removeprefix('/api/v1')}?{urlencode(asked)}",
        content=None if example is None else example.encode(),
        headers={"Content-Type": route.said.body_type, **a_key(), **world.callers[caller]},
    )
    return answer.status


def _needed(query: type[msgspec.Struct], ids: dict[str, str]) -> dict[str, str]:
    fields = msgspec.structs.fields(query)
    return {one.name: ids.get(one.name, NOBODY) for one in fields if one.required}


def read_matrix() -> dict[tuple[str, str], dict[str, str]]:
    """Every row of the file, by method and path."""
    with MATRIX.open(encoding="utf-8", newline="") as file:
        return {(row["method"], row["path"]): row for row in csv.DictReader(file)}
