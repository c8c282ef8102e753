"""A buyer asks what the shop knows, takes it along, and is forgotten."""

from __future__ import annotations

import pytest

from surehold.db import Database
from surehold.identity.model import AccountKind
from surehold.privacy.commands import carry_on_erasing, make_export
from surehold.privacy.register import PERSONAL
from tests.builders.accounts import PASSWORD, a_customer, a_member, an_identity, sign_in
from tests.builders.people import EMAIL, NAME, TRACES, a_known_person, traces_of
from tests.support.api import Api


async def test_a_buyer_takes_a_copy_along_once_and_is_forgotten(api: Api, db: Database) -> None:
    known = await a_known_person(api, db)
    wrong = await api.post("/account/export", {"password": "wrong"}, headers=known.bearer)
    assert wrong.refusal == (401, "invalid_credentials")
    ordered = await api.post("/account/export", {"password": PASSWORD}, headers=known.bearer)
    assert ordered.status == 202, ordered.raw
    token = {"token": ordered.body["token"]}
    early = await api.post("/account/export/fetch", token)
    assert early.refusal == (409, "export_not_ready")

    assert await make_export(db) == 1
    copy = await api.post("/account/export/fetch", token)
    again = await api.post("/account/export/fetch", token)

    assert (copy.status, copy.headers["cache-control"]) == (200, "no-store")
    sections = {entry.exported_as for entry in PERSONAL} - {None}
    assert sections <= set(copy.body)
    # Somebody of whom there is a trace in every table has a row in every section.
    assert [name for name in sections if not copy.body[name]] == []
    [order] = copy.body["orders"]
    assert order["shipping_address"]["name"] == NAME
    assert copy.body["account"][0]["email"] == EMAIL
    assert "$argon2id$" not in copy.raw.decode()
    assert again.refusal == (404, "export_not_found")

    erased = await api.post("/account/erase", {"password": PASSWORD}, headers=known.bearer)
    while await carry_on_erasing(db):
        pass
    assert erased.status == 202
    assert await traces_of(db, *TRACES) == {"documents": 1}
    # The address is free: who comes back is somebody new.
    await a_customer(an_identity(db), EMAIL)
    back = await sign_in(an_identity(db), EMAIL)
    assert back.account.id != known.account_id
    orders = await api.get("/me/orders", headers={"Authorization": f"Bearer {back.access_token}"})
    assert orders.body["items"] == []


@pytest.mark.parametrize("verb", ["exports", "erasures"])
async def test_staff_need_a_permission_and_staff_are_not_erased(
    verb: str, api: Api, db: Database
) -> None:
    identity = an_identity(db)
    await a_member(identity, "ada@example.com", kind=AccountKind.ADMIN)
    await a_member(identity, "ines@example.com", roles=())
    bearers = [
        {"Authorization": f"Bearer {(await sign_in(identity, email)).access_token}"}
        for email in ("ada@example.com", "ines@example.com")
    ]
    path, guest = f"/privacy/{verb}", {"email": "guest@example.com"}

    assert (await api.post(path, guest, headers=bearers[1])).refusal == (403, "not_permitted")
    assert (await api.post(path, guest)).refusal == (401, "unauthenticated")
    member = await api.post(path, {"email": "Ines@example.com"}, headers=bearers[0])
    assert member.refusal == (409, "not_a_customer")
    assert (await api.post(path, {"email": "a@b"}, headers=bearers[0])).status == 422
    async with db.connection() as connection:
        kept = await connection.raw.fetchval(
            "SELECT (SELECT count(*) FROM erasures) + (SELECT count(*) FROM personal_exports)"
        )
    assert kept == 0
    begun = await api.post(path, guest, headers=bearers[0])
    assert begun.status == 202, begun.raw
