"""Every route by everybody: who is let in is held in one file, and nobody else changes anything.

``access_matrix.csv`` holds the status that each caller is answered. A new route wants a row there;
the failure prints it. ``python -m tools.write_access_matrix`` makes the page of it for people.
The last word is the commands': where the guard lets somebody pass who may not, they refuse.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from surehold.db import Database
from surehold.identity.commands import create_role
from surehold.identity.model import AccountKind
from surehold.identity.permissions import Permission
from surehold.web.api import guard
from surehold.web.api.identity.caller import SAFE
from surehold.web.openapi import ACCOUNT, BROWSER, CRON, ORDER, STAFF, describe, routes_of
from tests.builders.accounts import SHELL, a_member, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.support.access import CALLERS, MATRIX, Route, a_world, call, call_well, read_matrix
from tests.support.api import STAFF as OPERATOR
from tests.support.api import Api, a_body, a_key, an_api, order_token
from tools.write_access_matrix import PAGE, page

REFUSED = frozenset({"401", "403", "404"})
#: Who may be let in by a permission that everybody of them has.
PERMITTED = ("staff", "admin", "operator")
#: Changes nothing, and buyers are shown it when they send something back.
PREVIEW = ("POST", "/api/v1/orders/{order_id:str}/refunds/preview")


async def _digest(db: Database) -> dict[str, str]:
    """What every table holds, as one value each."""
    async with db.connection() as connection:
        names = await connection.raw.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        return {
            name: await connection.raw.fetchval(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} AS t"
            )
            for (name,) in names
        }


async def test_everybody_is_answered_as_the_matrix_says_and_the_refused_change_nothing(
    db: Database,
) -> None:
    async with an_api(db) as api:
        world = await a_world(api)
        expected = read_matrix()
        found = {route.name: {"asks": route.asks} for route in world.routes}
        cells = [(route, caller) for route in world.routes for caller in CALLERS]

        def is_refused(route: Route, caller: str) -> bool:
            return expected.get(route.name, {}).get(caller) in REFUSED

        await api.get("/orders", headers=world.callers["key"])  # notes the key's use, this once
        before = await _digest(db)
        for route, caller in (cell for cell in cells if is_refused(*cell)):
            found[route.name][caller] = str(await call(api, world, route, caller))
        after = await _digest(db)
        for route, caller in (cell for cell in cells if not is_refused(*cell)):
            found[route.name][caller] = str(await call(api, world, route, caller))

    wrong = [
        ",".join((*name, row["asks"], *(row[caller] for caller in CALLERS)))
        for name, row in found.items()
        if expected.get(name) != {"method": name[0], "path": name[1], **row}
    ]
    assert not wrong, f"{MATRIX.name} says otherwise of:\n" + "\n".join(wrong)
    assert set(expected) == set(found), "rows of routes that are gone"
    assert after == before


async def test_the_matrix_keeps_the_law(db: Database) -> None:
    matrix = read_matrix()
    async with an_api(db) as api:
        routes = list(routes_of(api.application.router))

    for path, method, said in routes:
        row = matrix[method, path]
        where = f"{method} {path}"
        if said is None or said.permission is None:
            proven = () if said is None else said.security
            if proven in {(ACCOUNT, BROWSER), (CRON,)}:
                assert {row["nobody"], row["guest"], row["operator"]} == {"401"}, where
            continue
        assert row["asks"] == said.permission.value, where
        # The narrow key is for the settings alone.
        is_refused = said.permission is not Permission.SETTINGS_WRITE
        assert (row["unpermitted"], row["key"] == "403") == ("403", is_refused), where
        assert len({row[caller] for caller in PERMITTED}) == 1, where
        assert row["staff"] not in {"401", "403"}, where
        if said.security == (STAFF,):
            assert (row["nobody"], row["guest"]) == ("401", "401"), where
            assert (row["buyer"], row["other_buyer"]) == ("403", "403"), where
        if not said.is_vendor_scoped:
            assert (row["vendor"], row["other_vendor"]) == ("403", "403"), where
        else:
            assert row["vendor"] == row["staff"], where
            assert row["other_vendor"] == ("404" if "{" in path else "200"), where


def test_the_page_is_made_of_the_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.write_access_matrix"


@pytest.mark.parametrize(
    "facts",
    [
        {"security": (STAFF,)},
        {"security": (ORDER, STAFF)},
        {"permission": Permission.ORDERS_READ},
        {"is_vendor_scoped": True},
    ],
)
def test_a_route_for_staff_cannot_be_described_without_a_permission(facts: Any) -> None:
    with pytest.raises(TypeError):
        describe(tag="orders", summary="Open to whom?", **facts)


class Counted(asyncpg.Connection):  # type: ignore[misc]  # generic in its stubs alone
    """A connection that counts what is sent."""

    sent = 0

    async def fetch(self, *args: Any, **more: Any) -> Any:
        Counted.sent += 1
        return await super().fetch(*args, **more)

    async def fetchrow(self, *args: Any, **more: Any) -> Any:
        Counted.sent += 1
        return await super().fetchrow(*args, **more)

    async def execute(self, *args: Any, **more: Any) -> Any:
        Counted.sent += 1
        return await super().execute(*args, **more)


class CountedDatabase(Database):
    connection_class = Counted


async def test_staff_cost_one_statement_and_buyers_none(db: Database) -> None:
    product = await a_product(db)
    identity = an_identity(db)
    await a_member(identity, kind=AccountKind.ADMIN)
    signed_in = await sign_in(identity, "ines@example.com")
    staff = {"Authorization": f"Bearer {signed_in.access_token}"}
    line = {"variant_id": str(product.variant_id), "quantity": 1}

    async def count(api: Api, *calls: tuple[str, str, Any], headers: dict[str, str]) -> list[int]:
        counts = []
        for method, path, body in calls:
            before = Counted.sent
            answer = await api(method, path, json=body, headers={**a_key(), **headers})
            assert answer.status in {200, 201}, answer.raw
            counts.append(Counted.sent - before)
        return counts

    async with CountedDatabase(db.settings) as counted, an_api(counted) as api:
        cart = (await api.post("/cart", line)).body["token"]
        token = {"X-Cart-Token": cart}
        buying = (
            ("GET", "/cart", None),
            ("POST", "/cart", line),
            ("POST", "/checkout", a_body(product.variant_id)),
        )
        await count(api, *buying, headers=token)  # what is read once is read now
        alone = await count(api, *buying, headers=token)
        with_account = await count(api, *buying, headers={**token, **staff})
        placed = await api.buy(product.variant_id)
        reading = ("GET", f"/orders/{placed['order']['id']}", None)
        (guest,) = await count(api, reading, headers=order_token(placed))
        (operator,) = await count(api, reading, headers=OPERATOR)
        (member,) = await count(api, reading, headers=staff)

    assert with_account == alone
    assert all(alone)
    assert (operator, member) == (guest, guest + 1)


async def test_what_no_guard_stops_is_refused_by_the_command(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = read_matrix()
    async with an_api(db) as api:
        world = await a_world(api)
        writing = [
            route
            for route in world.routes
            if route.method not in SAFE and route.said is not None and route.said.permission
        ]
        await api.get("/orders", headers=world.callers["key"])  # notes the key's use, this once
        before = await _digest(db)

        # The guard still finds out who asks, and lets everybody pass.
        monkeypatch.setattr(guard, "authorize", lambda *_: None)
        monkeypatch.setattr(guard, "check_shop_wide", lambda *_: None)
        known = {
            (*route.name, caller): await call_well(api, world, route, caller)
            for route in writing
            for caller in ("unpermitted", "key", "vendor")
            if matrix[route.name][caller] == "403"
        }
        # The guard finds nothing that a route says of itself, and lets everybody pass unseen.
        monkeypatch.setattr(guard, "OPT", "forgotten")
        unseen = {
            route.name: await call_well(api, world, route, "guest")
            for route in writing
            if route.said is not None and route.said.security == (STAFF,)
        }
        after = await _digest(db)

    assert unseen.pop(PREVIEW) == 422
    assert len(known) > len(unseen) > 80
    assert not {cell: status for cell, status in known.items() if status != 403}
    assert not {cell: status for cell, status in unseen.items() if status != 401}
    assert after == before


async def test_who_may_not_send_parcels_sends_none_by_the_status_of_an_order(db: Database) -> None:
    identity = an_identity(db)
    await create_role(
        identity,
        principal=SHELL,
        code="support",
        name="Support",
        permissions=[Permission.ORDERS_WRITE],
    )
    await a_member(identity, "nora@example.com", roles=("support",))
    signed_in = await sign_in(identity, "nora@example.com")
    support = {"Authorization": f"Bearer {signed_in.access_token}"}
    product = await a_product(db)
    async with an_api(db) as api:
        placed = await api.buy(product.variant_id)
        paid = {"received": placed["order"]["total"]}
        await api.post(f"/payments/{placed['payment']['id']}/confirm", paid, headers=OPERATOR)
        order_id = placed["order"]["id"]
        many = {"order_ids": [order_id]}
        before = await _digest(db)
        refused = [
            await api.put(f"/orders/{order_id}/status", {"status": "shipped"}, headers=support),
            await api.post(
                "/orders/bulk", {"action": "ship", **many}, headers={**support, **a_key()}
            ),
        ]
        after = await _digest(db)
        noted = await api.post(
            "/orders/bulk",
            {"action": "note", "text": "Asked for by telephone.", **many},
            headers={**support, **a_key()},
        )

    assert [(one.status, one.body["permission"]) for one in refused] == [
        (403, "fulfillments.write"),
        (403, "fulfillments.write"),
    ]
    assert after == before
    assert (noted.status, noted.body["done"]) == (200, 1)
