"""Staff sign in with a second factor, hold keys, and grant what they have and no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest

from surehold.db import Database, clock, shop
from surehold.identity import commands
from surehold.identity.model import AccountKind, LetterKind
from surehold.identity.permissions import Permission
from tests.builders.accounts import PASSWORD, SHELL, Post, a_member, an_identity
from tests.support import clock as clocks
from tests.support.api import NOBODY, Api

ADMIN = "ada@example.com"
LEAD = "lena@example.com"


@pytest.fixture
async def post(db: Database) -> Post:
    """A store with its roles, an admin, and somebody who may manage staff and stock."""
    identity = an_identity(db)
    async with db.transaction() as tx:
        await commands.found_roles(tx, actor="test")
    await a_member(identity, ADMIN, kind=AccountKind.ADMIN)
    lead = await commands.create_role(
        identity,
        principal=SHELL,
        code="lead",
        name="Lead",
        permissions=[
            one for one in SHELL.permissions if one.value.startswith(("staff", "inventory"))
        ],
    )
    await a_member(identity, LEAD, roles=(lead.code,))
    return Post(db)


async def log_in(api: Api, email: str, **more: Any) -> Any:
    return await api.post("/auth/login", {"email": email, "password": PASSWORD, **more})


async def bearer(api: Api, email: str, **more: Any) -> dict[str, str]:
    answer = await log_in(api, email, **more)
    assert answer.status == 200, answer.raw
    return {"Authorization": f"Bearer {answer.body['access_token']}"}


async def code_of(db: Database, secret: str) -> str:
    async with db.connection() as connection:
        return pyotp.TOTP(secret).at(await clock.now(connection))


async def a_factor(api: Api, headers: dict[str, str]) -> tuple[str, list[str]]:
    begun = await api.post("/me/totp", {"password": PASSWORD}, headers=headers)
    assert begun.status == 201, begun.raw
    assert begun.body["qr_svg"].startswith("<svg")
    assert begun.body["uri"].startswith("otpauth://totp/Northline:")
    secret: str = begun.body["secret"]
    confirmed = await api.post(
        "/me/totp/confirm", {"code": await code_of(api.db, secret)}, headers=headers
    )
    assert confirmed.status == 200, confirmed.raw
    return secret, confirmed.body["recovery_codes"]


async def test_a_second_factor_is_asked_for_and_no_code_opens_twice(api: Api, post: Post) -> None:
    headers, elsewhere = await bearer(api, ADMIN), await bearer(api, ADMIN)
    secret, codes = await a_factor(api, headers)
    first = await code_of(api.db, secret)

    without = await log_in(api, ADMIN)
    used = await log_in(api, ADMIN, code=first)
    await clocks.shift(api.db, timedelta(seconds=60))
    later = await code_of(api.db, secret)
    right = await log_in(api, ADMIN, code=later)
    replayed = await log_in(api, ADMIN, code=later)
    recovered = await log_in(api, ADMIN, code=codes[0].lower())
    again = await log_in(api, ADMIN, code=codes[0])
    left = await api.get("/me/totp", headers=headers)

    assert (await api.get("/auth/me", headers=elsewhere)).refusal == (401, "session_over")
    assert without.refusal == (401, "code_required")
    assert [one.refusal for one in (used, replayed, again)] == [(401, "code_invalid")] * 3
    assert [right.status, recovered.status] == [200, 200]
    assert left.body == {"is_on": True, "recovery_codes_left": 9}


async def test_admins_do_nothing_without_a_factor_where_the_shop_wants_one(
    api: Api, post: Post
) -> None:
    async with api.db.transaction() as tx:
        await shop.change(tx, key="is_totp_required_for_admins", value=True, actor="test")
    headers = await bearer(api, ADMIN)

    before = await api.get("/staff", headers=headers)
    key = await api.post("/me/api-keys", {"name": "x", "scopes": ["staff.read"]}, headers=headers)
    me = await api.get("/auth/me", headers=headers)
    await a_factor(api, headers)
    after = await api.get("/staff", headers=headers)

    assert [before.refusal, key.refusal] == [(403, "totp_required")] * 2
    assert (me.body["needs_totp"], me.body["permissions"]) == (True, [])
    assert after.status == 200


async def test_a_lost_factor_is_taken_off_with_the_password_and_a_code(
    api: Api, post: Post
) -> None:
    headers = await bearer(api, LEAD)
    _, codes = await a_factor(api, headers)

    twice = await api.post("/me/totp", {"password": PASSWORD}, headers=headers)
    wrong = await api.post(
        "/me/totp/remove", {"password": PASSWORD, "code": "000000"}, headers=headers
    )
    renewed = await api.post("/me/recovery-codes", {"password": PASSWORD}, headers=headers)
    old = await api.post(
        "/me/totp/remove", {"password": PASSWORD, "code": codes[0]}, headers=headers
    )
    right = await api.post(
        "/me/totp/remove",
        {"password": PASSWORD, "code": renewed.body["recovery_codes"][3]},
        headers=headers,
    )

    assert twice.refusal == (409, "totp_already_on")
    assert [wrong.refusal, old.refusal] == [(401, "code_invalid")] * 2
    assert right.status == 200
    assert (await log_in(api, LEAD)).status == 200


async def test_a_stolen_session_and_password_do_not_guess_the_code(api: Api, post: Post) -> None:
    headers = await bearer(api, LEAD)
    await a_factor(api, headers)
    body = {"password": PASSWORD, "code": "000000"}

    found = [await api.post("/me/totp/remove", body, headers=headers) for _ in range(6)]

    assert [one.refusal for one in found[:5]] == [(401, "code_invalid")] * 5
    assert found[5].refusal == (429, "too_many_attempts")


async def test_a_key_opens_its_scopes_until_it_is_revoked(api: Api, post: Post) -> None:
    headers = await bearer(api, LEAD)
    wanted = {"name": "Sync", "scopes": ["staff.read"], "expires_at": "2100-01-01T00:00:00Z"}

    made = await api.post("/me/api-keys", wanted, headers=headers)
    key = {"Authorization": f"Bearer {made.body['key']}"}
    wide = await api.post(
        "/me/api-keys", {"name": "x", "scopes": ["refunds.write"]}, headers=headers
    )
    past = await api.post(
        "/me/api-keys", {**wanted, "expires_at": "2001-01-01T00:00:00Z"}, headers=headers
    )
    read = await api.get("/staff", headers=key)
    write = await api.post("/roles", {"code": "x", "name": "X", "permissions": []}, headers=key)
    key_of_a_key = await api.post("/me/api-keys", wanted, headers=key)
    listed = await api.get("/me/api-keys", headers=headers)
    mistyped = await api.get(
        "/staff", headers={"Authorization": f"Bearer {made.body['key'][:-1]}_"}
    )
    revoked = await api.delete(f"/me/api-keys/{made.body['id']}", headers=headers)
    over = await api.get("/staff", headers=key)

    assert made.body["key"].startswith(made.body["prefix"])
    assert (made.status, len(made.body["prefix"])) == (201, 12)
    assert wide.refusal == (403, "grant_too_wide")
    assert wide.body["missing"] == ["refunds.write"]
    assert past.faults == {("/expires_at", "in_the_past")}
    assert read.status == 200
    assert write.refusal == (403, "not_permitted")
    assert write.body["permission"] == "staff.write"
    assert key_of_a_key.refusal == (403, "session_needed")
    assert [row["prefix"] for row in listed.body["items"]] == [made.body["prefix"]]
    assert "key" not in listed.body["items"][0]
    assert listed.body["items"][0]["last_used_at"] is not None
    assert [mistyped.refusal, over.refusal] == [(401, "session_over")] * 2
    assert revoked.status == 200


async def test_staff_are_added_by_letter_and_have_what_their_roles_permit(
    api: Api, post: Post
) -> None:
    headers = await bearer(api, ADMIN)
    body = {"email": "ines@example.com", "name": "Ines", "kind": "staff", "roles": ["support"]}

    added = await api.post("/staff", body, headers=headers)
    token = await post.token(LetterKind.RESET_PASSWORD)
    await api.post("/auth/password/reset", {"token": token, "password": PASSWORD})
    hers = await bearer(api, "ines@example.com")
    me = await api.get("/auth/me", headers=hers)
    refused = await api.get("/staff", headers=hers)
    place = f"/staff/{added.body['id']}/roles"
    changed = await api.put(place, {"roles": ["warehouse"]}, headers=headers)
    after = await api.get("/auth/me", headers=hers)
    unknown = await api.put(place, {"roles": ["nobody"]}, headers=headers)
    twice = await api.post("/staff", body, headers=headers)
    vendor = {**body, "email": "v@example.com", "kind": "vendor", "roles": []}
    nowhere = await api.post("/staff", {**vendor, "vendor_id": NOBODY}, headers=headers)
    nameless = await api.post("/staff", {**vendor, "roles": ["support"]}, headers=headers)

    assert nowhere.faults == {("/vendor_id", "unknown_vendor")}
    assert nameless.faults == {("/vendor_id", "vendor_mismatch")}
    assert added.body["roles"] == ["support"]
    assert me.body["permissions"] == [
        "documents.read",
        "drafts.write",
        "inventory.read",
        "orders.read",
        "orders.write",
        "returns.write",
    ]
    assert refused.refusal == (403, "not_permitted")
    assert changed.body["roles"] == ["warehouse"]
    assert after.body["permissions"][:2] == ["documents.read", "fulfillments.write"]
    assert unknown.refusal == (404, "role_not_found")
    assert twice.refusal == (409, "email_taken")


async def test_nobody_grants_or_takes_what_they_do_not_have(api: Api, post: Post) -> None:
    lead, admin = await bearer(api, LEAD), await bearer(api, ADMIN)
    ada = (await api.get("/staff", headers=admin)).body["items"][0]
    member = {"email": "new@example.com", "name": "", "kind": "staff"}

    refused = [
        await api.post("/staff", {**member, "kind": "admin"}, headers=lead),
        await api.post("/staff", {**member, "roles": ["accountant"]}, headers=lead),
        await api.post(
            "/roles",
            {"code": "mint", "name": "Mint", "permissions": ["gift_cards.write"]},
            headers=lead,
        ),
        await api.put("/roles/accountant", {"name": "x", "permissions": []}, headers=lead),
        await api.post(f"/staff/{ada['id']}/disable", headers=lead),
        await api.post(f"/staff/{ada['id']}/reset", headers=lead),
        await api.put(f"/staff/{ada['id']}/roles", {"roles": []}, headers=lead),
    ]
    fine = await api.post("/staff", {**member, "roles": ["lead"]}, headers=lead)

    assert {one.refusal for one in refused} == {(403, "grant_too_wide")}
    assert fine.status == 201
    listed = await api.get("/staff", headers=admin)
    assert [row["email"] for row in listed.body["items"]] == [ADMIN, LEAD, "new@example.com"]


async def test_a_closed_account_is_closed_at_once_and_the_last_admin_stays(
    api: Api, post: Post
) -> None:
    admin, lead = await bearer(api, ADMIN), await bearer(api, LEAD)
    key = await api.post("/me/api-keys", {"name": "x", "scopes": ["staff.read"]}, headers=lead)
    rows = (await api.get("/staff", headers=admin)).body["items"]
    ada, lena = rows[0]["id"], rows[1]["id"]

    closed = await api.post(f"/staff/{lena}/disable", headers=admin)
    twice = await api.post(f"/staff/{lena}/disable", headers=admin)
    last = await api.post(f"/staff/{ada}/disable", headers=admin)

    assert closed.body["disabled_at"] == twice.body["disabled_at"] is not None
    assert last.refusal == (409, "last_admin")
    for headers in (lead, {"Authorization": f"Bearer {key.body['key']}"}):
        assert (await api.get("/staff", headers=headers)).refusal == (401, "session_over")
    assert (await log_in(api, LEAD)).refusal == (401, "invalid_credentials")
    opened = await api.post(f"/staff/{lena}/enable", headers=admin)
    assert opened.body["disabled_at"] is None
    assert (await log_in(api, LEAD)).status == 200


async def test_pages_of_staff_roles_and_keys_go_by_key(api: Api, post: Post) -> None:
    headers = await bearer(api, ADMIN)
    for name in ("a", "b", "c"):
        await api.post("/me/api-keys", {"name": name, "scopes": ["staff.read"]}, headers=headers)

    for path, count in (("/staff", 2), ("/roles", 5), ("/me/api-keys", 3)):
        found: list[Any] = []
        cursor = ""
        while True:
            page = await api.get(f"{path}?limit=1{cursor}", headers=headers)
            assert page.status == 200, page.raw
            found += page.body["items"]
            if page.body["next_cursor"] is None:
                break
            cursor = f"&cursor={page.body['next_cursor']}"
        whole = await api.get(path, headers=headers)
        assert found == whole.body["items"]
        assert len(found) == count
        wrong = await api.get(f"{path}?cursor=x", headers=headers)
        assert wrong.faults == {("/cursor", "invalid_cursor")}
    listed = await api.get("/permissions", headers=headers)
    assert len(listed.body["items"]) == len(Permission)
