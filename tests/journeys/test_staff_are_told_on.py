"""What staff do is written down with it: who, what, when, from where. Buyers are not told on."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from surehold.db import Database, audit, shop
from surehold.identity import commands
from surehold.identity.model import AccountKind
from tests.builders.accounts import PASSWORD, SHELL, a_member, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.builders.drafts import a_draft
from tests.support.api import STAFF, Api, a_key, order_token


@pytest.fixture
async def admin(db: Database) -> tuple[str, dict[str, str]]:
    """An admin who signed in: their name in histories, and their token."""
    identity = an_identity(db)
    member = await a_member(identity, "ada@example.com", kind=AccountKind.ADMIN)
    token = (await sign_in(identity, "ada@example.com")).access_token
    return f"admin:{member.id}", {"Authorization": f"Bearer {token}"}


async def read(api: Api, query: str = "") -> Any:
    """Entries, but for the sign-in that each story begins with."""
    answer = await api.get(f"/audit{query}", headers=STAFF)
    assert answer.status == 200, answer.raw
    return [row for row in answer.body["items"] if row["action"] != "sign_in"]


async def test_an_order_is_canceled_and_it_is_told_with_it(
    api: Api, admin: tuple[str, dict[str, str]]
) -> None:
    name, headers = admin
    product = await a_product(api.db)
    placed = await api.buy(product.variant_id)
    guests = await api.buy(product.variant_id)
    order_id = placed["order"]["id"]
    await api.post(f"/orders/{guests['order']['id']}/cancel", headers=order_token(guests))
    before = await read(api)

    note = {"text": "Rang twice.", "is_visible": False}
    refused = await api.post(f"/orders/{order_id}/refunds", {}, headers={**headers, **a_key()})
    canceled = await api.post(f"/orders/{order_id}/cancel", headers=headers)
    key = {**headers, **a_key()}
    written = [await api.post(f"/orders/{order_id}/notes", note, headers=key) for _ in range(2)]
    items = await read(api, f"?actor={name}")

    assert [row["action"] for row in before] == ["staff.add"]
    assert refused.status == 422
    assert canceled.body["status"] == "canceled"
    assert written[0].raw == written[1].raw
    assert [(row["action"], row["subject"], row["content"]) for row in reversed(items)] == [
        ("POST /orders/{order_id}/cancel", f"/orders/{order_id}/cancel", {}),
        *[
            (
                "POST /orders/{order_id}/notes",
                f"/orders/{order_id}/notes",
                {"sent": {"text": "***", "is_visible": False}},
            )
        ]
        * 2,
    ]
    assert {row["address"] for row in items} == {"127.0.0.1"}
    assert items[-1]["request_id"] == canceled.headers["x-request-id"]
    async with api.db.connection() as connection:
        # The one statement that canceled the order and the entry are of one transaction.
        assert await connection.raw.fetchval(
            "SELECT count(*) FROM audit_entries AS entry JOIN order_events AS event"
            "    ON event.xmin = entry.xmin AND event.actor = entry.actor"
            " WHERE event.to_status = 'canceled'"
        )
        links, digest, broken = await audit.verify(connection)
    assert (links, broken) == (5, None)
    assert digest is not None
    assert digest.hex() == items[0]["digest"]


async def test_what_is_permitted_is_told_as_it_was_and_is(
    api: Api, admin: tuple[str, dict[str, str]]
) -> None:
    name, headers = admin
    role = {"code": "night", "name": "Night shift", "permissions": ["orders.read"]}

    await api.post("/roles", role, headers=headers)
    changed = {"name": "Night shift", "permissions": ["inventory.read", "orders.read"]}
    await api.put("/roles/night", changed, headers=headers)
    member = {"email": "ines@example.com", "name": "Ines", "kind": "staff", "roles": ["night"]}
    added = await api.post("/staff", member, headers=headers)
    place = f"/staff/{added.body['id']}"
    await api.put(f"{place}/roles", {"roles": []}, headers=headers)
    made = await api.post(
        "/me/api-keys", {"name": "x", "scopes": ["orders.read"]}, headers=headers
    )
    key = {"Authorization": f"Bearer {made.body['key']}"}
    await api.delete(f"/me/api-keys/{made.body['id']}", headers=headers)
    items = await read(api, f"?actor={name}")

    nobody = {"kind": "staff", "vendor_id": None, "has_totp": False, "is_disabled": False}
    subject = f"staff/{added.body['id']}"
    assert [(row["action"], row["subject"], row["content"]) for row in reversed(items)] == [
        ("role.add", "roles/night", {"before": None, "after": {"permissions": ["orders.read"]}}),
        (
            "role.change",
            "roles/night",
            {
                "before": {"permissions": ["orders.read"]},
                "after": {"permissions": ["inventory.read", "orders.read"]},
            },
        ),
        ("staff.add", subject, {"before": None, "after": {**nobody, "roles": ["night"]}}),
        (
            "staff.set_roles",
            subject,
            {"before": {**nobody, "roles": ["night"]}, "after": {**nobody, "roles": []}},
        ),
        (
            "key.add",
            f"keys/{made.body['prefix']}",
            {"before": None, "after": {"scopes": ["orders.read"], "expires_at": None}},
        ),
        (
            "key.revoke",
            f"keys/{made.body['id']}",
            {"before": {"is_revoked": False}, "after": {"is_revoked": True}},
        ),
    ]
    assert (await api.get("/audit", headers=key)).refusal == (401, "session_over")


async def test_an_order_for_a_buyer_is_told_after_its_lane(api: Api) -> None:
    product = await a_product(api.db)
    draft = await a_draft(api.db, (product.variant_id, 1))
    body = {"payment_method": {"provider": "bank_transfer"}}
    key = a_key()

    first = await api.post(f"/draft-orders/{draft.id}/place", body, headers={**STAFF, **key})
    again = await api.post(f"/draft-orders/{draft.id}/place", body, headers={**STAFF, **key})

    assert (first.status, again.raw) == (201, first.raw)
    assert [(row["actor"], row["action"]) for row in await read(api)] == [
        ("operator", "POST /draft-orders/{draft_id}/place")
    ] * 2


async def test_the_table_has_no_formulas_and_a_password_is_nowhere(
    api: Api, admin: tuple[str, dict[str, str]]
) -> None:
    _, headers = admin
    await commands.create_role(
        an_identity(api.db), principal=SHELL, code="none", name="=1+1", permissions=[]
    )
    async with api.db.transaction() as tx:
        audit.change(tx, actor="=cmd|' /C calc'!A0", action="x", subject="+1", before=1, after=2)
        await shop.change(tx, key="grace_minutes", value=5, actor="x")
    passwords = {"current_password": PASSWORD, "password": "loud-harbor-lamp-42"}
    changed = await api.put("/me/password", passwords, headers=headers)

    table = await api.get("/audit/export", headers=STAFF)
    some = await api.get("/audit/export?action=role.add", headers=STAFF)
    later = await api.get("/audit?happened_from=2999-01-01T00:00:00Z", headers=STAFF)
    bad = await api.get("/audit?cursor=x", headers=STAFF)

    assert changed.status == 200, changed.raw
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(table.raw.decode())))
    assert [row["seq"] for row in rows] == [str(n) for n in range(len(rows), 0, -1)]
    (formula,) = (row for row in rows if row["action"] == "x")
    assert (formula["actor"], formula["subject"]) == ("'=cmd|' /C calc'!A0", "'+1")
    assert b"harbor" not in table.raw
    assert [row["action"] for row in csv.DictReader(io.StringIO(some.raw.decode()))] == [
        "role.add"
    ]
    assert later.body == {"items": [], "next_cursor": None}
    assert bad.faults == {("/cursor", "invalid_cursor")}
