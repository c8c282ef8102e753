"""A buyer registers, confirms, signs in, buys, forgets, and comes back by a link."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.db import Database
from surehold.identity.model import LetterKind
from tests.builders.accounts import PASSWORD, Post
from tests.builders.catalog import a_product
from tests.support.api import Api, order_token

EMAIL = "mara@example.com"
NEW_PASSWORD = "louder-harbor-lamp-42"


@pytest.fixture
def post(db: Database) -> Post:
    return Post(db)


def bearer(signed_in: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_in['access_token']}"}


async def an_account(api: Api, post: Post, email: str = EMAIL) -> None:
    registered = await api.post(
        "/auth/register", {"email": email, "password": PASSWORD, "name": "Mara"}
    )
    assert (registered.status, registered.body) == (202, {"status": "accepted"})
    token = await post.token(LetterKind.CONFIRM_REGISTRATION)
    confirmed = await api.post("/auth/verify-email", {"token": token})
    assert confirmed.status == 200, confirmed.raw


async def log_in(api: Api, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Any:
    answer = await api.post("/auth/login", {"email": email, "password": password, **more})
    assert answer.status == 200, answer.raw
    return answer.body


async def test_registering_confirming_and_signing_in(api: Api, post: Post) -> None:
    before = {"email": EMAIL, "password": PASSWORD}
    await api.post("/auth/register", {**before, "name": "Mara"})
    refused = await api.post("/auth/login", before)
    token = await post.token(LetterKind.CONFIRM_REGISTRATION)
    confirmed = await api.post("/auth/verify-email", {"token": token})
    again = await api.post("/auth/verify-email", {"token": token})
    signed_in = await log_in(api)
    me = await api.get("/auth/me", headers=bearer(signed_in))
    out = await api.post("/auth/logout", headers=bearer(signed_in))
    after = await api.get("/auth/me", headers=bearer(signed_in))

    assert refused.refusal == (401, "invalid_credentials")
    assert (confirmed.body["kind"], confirmed.body["email"]) == ("customer", EMAIL)
    assert again.refusal == (404, "token_invalid")
    assert (me.body["email"], me.body["permissions"], me.body["proof"]) == (EMAIL, [], "password")
    assert out.status == 200
    assert after.refusal == (401, "session_over")


async def test_registering_twice_is_told_in_the_letter_alone(api: Api, post: Post) -> None:
    await an_account(api, post)

    again = await api.post("/auth/register", {"email": "Mara@Example.COM", "password": PASSWORD})
    (mail,) = await post.fetch()

    assert (again.status, again.body) == (202, {"status": "accepted"})
    assert (mail.kind, mail.to) == ("already_registered", EMAIL)
    assert "token" not in mail.text


async def test_a_strangers_registration_leaves_the_owners_password(api: Api, post: Post) -> None:
    await api.post("/auth/register", {"email": EMAIL, "password": "password-of-a-stranger"})
    await post.fetch()
    await an_account(api, post)

    stranger = await api.post(
        "/auth/login", {"email": EMAIL, "password": "password-of-a-stranger"}
    )

    assert stranger.refusal == (401, "invalid_credentials")
    assert (await log_in(api))["account"]["email"] == EMAIL


async def test_a_forgotten_password_is_reset_once_and_ends_every_session(
    api: Api, post: Post
) -> None:
    await an_account(api, post)
    session = await log_in(api)

    asked = await api.post("/auth/password/forgot", {"email": EMAIL})
    token = await post.token(LetterKind.RESET_PASSWORD)
    weak = await api.post("/auth/password/reset", {"token": token, "password": "password1234"})
    done = await api.post("/auth/password/reset", {"token": token, "password": NEW_PASSWORD})
    again = await api.post("/auth/password/reset", {"token": token, "password": PASSWORD})
    (told,) = await post.fetch()

    assert asked.status == 202
    assert weak.faults == {("/password", "password_too_common")}
    assert done.status == 200
    assert again.refusal == (404, "token_invalid")
    assert told.kind == "password_changed"
    assert (await api.get("/auth/me", headers=bearer(session))).refusal == (401, "session_over")
    refreshed = await api.post("/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert refreshed.refusal == (401, "session_over")
    assert (await log_in(api, password=NEW_PASSWORD))["account"]["email"] == EMAIL


async def test_a_magic_link_signs_in_once(api: Api, post: Post) -> None:
    await an_account(api, post)

    await api.post("/auth/magic-link", {"email": EMAIL})
    token = await post.token(LetterKind.MAGIC_LINK)
    signed_in = await api.post("/auth/magic-link/redeem", {"token": token})
    again = await api.post("/auth/magic-link/redeem", {"token": token})
    me = await api.get("/auth/me", headers=bearer(signed_in.body))

    assert signed_in.status == 200
    assert again.refusal == (404, "token_invalid")
    assert me.body["proof"] == "magic_link"


async def test_refresh_tokens_rotate_and_a_used_one_ends_the_family(api: Api, post: Post) -> None:
    await an_account(api, post)
    first = await log_in(api)

    second = await api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    me = await api.get("/auth/me", headers=bearer(second.body))
    reused = await api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    live = await api.post("/auth/refresh", {"refresh_token": second.body["refresh_token"]})
    after = await api.get("/auth/me", headers=bearer(second.body))

    assert me.body["session_id"] == first["session_id"] == second.body["session_id"]
    assert [reused.refusal, live.refusal, after.refusal] == [(401, "session_over")] * 3


async def test_a_browsers_session_is_a_cookie_that_other_sites_cannot_use(
    api: Api, post: Post
) -> None:
    await an_account(api, post)
    body = {"email": EMAIL, "password": PASSWORD, "session": "cookie"}

    answer = await api.post("/auth/login", body)
    cookies = answer.headers.get_list("set-cookie")
    session = cookies[0].partition(";")[0]
    mine = await api.get("/auth/me", headers={"Cookie": session})
    foreign = [
        await api.post("/auth/logout", headers={"Cookie": session, **more})
        for more in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "same-site"})
    ]
    own = await api.post("/auth/logout", headers={"Cookie": session, "Origin": "http://shop.test"})
    over = await api.get("/auth/me", headers={"Cookie": session})

    assert (answer.body["access_token"], answer.body["refresh_token"]) == (None, None)
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "surehold_session",
        "surehold_device",
    ]
    assert all("httponly" in one.lower() and "samesite=lax" in one.lower() for one in cookies)
    assert mine.body["email"] == EMAIL
    assert [one.refusal for one in foreign] == [(403, "foreign_page")] * 2
    assert own.status == 200
    assert over.refusal == (401, "session_over")


async def test_sessions_are_listed_and_ended(api: Api, post: Post) -> None:
    await an_account(api, post)
    here, there, third = [await log_in(api) for _ in range(3)]

    listed = await api.get("/me/sessions", headers=bearer(here))
    one = await api.delete(f"/me/sessions/{there['session_id']}", headers=bearer(here))
    twice = await api.delete(f"/me/sessions/{there['session_id']}", headers=bearer(here))
    others = await api.delete("/me/sessions", headers=bearer(here))
    left = await api.get("/me/sessions", headers=bearer(here))

    assert [(row["id"], row["is_current"]) for row in listed.body["items"]] == [
        (third["session_id"], False),
        (there["session_id"], False),
        (here["session_id"], True),
    ]
    assert listed.body["items"][0]["address"] == "127.0.0.1"
    assert one.body == {"ended": 1}
    assert twice.refusal == (404, "session_not_found")
    assert others.body == {"ended": 1}
    assert [row["id"] for row in left.body["items"]] == [here["session_id"]]


async def test_a_new_password_and_a_new_address_ask_for_the_old_password(
    api: Api, post: Post
) -> None:
    await an_account(api, post)
    here, there = await log_in(api), await log_in(api)

    wrong = await api.put(
        "/me/password",
        {"current_password": "not-the-password", "password": NEW_PASSWORD},
        headers=bearer(here),
    )
    right = await api.put(
        "/me/password",
        {"current_password": PASSWORD, "password": NEW_PASSWORD},
        headers=bearer(here),
    )
    ended = await api.get("/auth/me", headers=bearer(there))
    await post.fetch()
    await api.put(
        "/me/email",
        {"current_password": NEW_PASSWORD, "email": "mara.quinn@example.com"},
        headers=bearer(here),
    )
    token = await post.token(LetterKind.CONFIRM_EMAIL)
    still = await api.get("/auth/me", headers=bearer(here))
    confirmed = await api.post("/auth/confirm-email", {"token": token})
    (told,) = await post.fetch()
    over = await api.get("/auth/me", headers=bearer(here))

    assert wrong.refusal == (401, "invalid_credentials")
    assert right.status == 200
    assert ended.refusal == (401, "session_over")
    assert still.body["email"] == EMAIL
    assert confirmed.body["email"] == "mara.quinn@example.com"
    assert (told.kind, told.to) == ("email_changed", EMAIL)
    assert "mara.quinn@example.com" in told.text
    assert over.refusal == (401, "session_over")
    assert await log_in(api, "mara.quinn@example.com", NEW_PASSWORD)


async def test_orders_are_the_accounts_own_by_proof_alone(
    api: Api, post: Post, db: Database
) -> None:
    lamp = await a_product(db, on_hand=10)
    by_address = await api.buy(lamp.variant_id, email="MARA@example.com")
    by_token = await api.buy(lamp.variant_id, email="work@example.com")
    foreign = await api.buy(lamp.variant_id, email="somebody@example.com")
    await an_account(api, post)
    headers = bearer(await log_in(api))
    await an_account(api, post, "other@example.com")
    other = bearer(await log_in(api, "other@example.com"))

    first = await api.get("/me/orders", headers=headers)
    guessed = await api.post(
        "/me/orders/claim",
        {"order_id": foreign["order"]["id"], "token": "wrong"},
        headers=headers,
    )
    claim = {
        "order_id": by_token["order"]["id"],
        "token": order_token(by_token)["X-Order-Token"],
    }
    claimed = await api.post("/me/orders/claim", claim, headers=headers)
    taken = await api.post("/me/orders/claim", claim, headers=other)
    second = await api.get("/me/orders?limit=1", headers=headers)
    rest = await api.get(
        f"/me/orders?limit=1&cursor={second.body['next_cursor']}", headers=headers
    )
    mine = await api.get(f"/me/orders/{by_address['order']['id']}", headers=headers)
    theirs = await api.get(f"/me/orders/{by_address['order']['id']}", headers=other)

    assert [row["id"] for row in first.body["items"]] == [by_address["order"]["id"]]
    assert guessed.refusal == (404, "order_not_found")
    assert claimed.body["number"] == by_token["order"]["number"]
    assert taken.refusal == (409, "order_taken")
    assert [row["id"] for row in second.body["items"]] == [by_token["order"]["id"]]
    assert [row["id"] for row in rest.body["items"]] == [by_address["order"]["id"]]
    assert mine.body["number"] == by_address["order"]["number"]
    assert theirs.refusal == (404, "order_not_found")
    assert (await api.get("/me/orders", headers=other)).body["items"] == []


async def test_signing_in_brings_the_cart_along(api: Api, post: Post, db: Database) -> None:
    lamp, mug = await a_product(db, on_hand=10), await a_product(db, on_hand=10)
    await an_account(api, post)
    body = {"email": EMAIL, "password": PASSWORD}
    telephone = await api.post("/cart", {"variant_id": str(lamp.variant_id), "currency": "EUR"})
    laptop = await api.post("/cart", {"variant_id": str(mug.variant_id), "currency": "EUR"})

    first = await api.post("/auth/login", body, headers={"X-Cart-Token": telephone.body["token"]})
    second = await api.post("/auth/login", body, headers={"X-Cart-Token": laptop.body["token"]})
    third = await api.post("/auth/login", body)
    carts = [
        await api.get("/cart", headers={"X-Cart-Token": answer.body["cart_token"]})
        for answer in (first, second, third)
    ]

    assert first.body["cart_token"] == telephone.body["token"]
    assert {cart.body["id"] for cart in carts} == {telephone.body["id"]}
    assert [item["variant_id"] for item in carts[2].body["items"]] == [
        str(lamp.variant_id),
        str(mug.variant_id),
    ]


async def test_a_cart_that_is_begun_signed_in_is_the_accounts(
    api: Api, post: Post, db: Database
) -> None:
    lamp, mug = await a_product(db, on_hand=10), await a_product(db, on_hand=10)
    await an_account(api, post)
    telephone, laptop = bearer(await log_in(api)), bearer(await log_in(api))

    first = await api.post("/cart", {"variant_id": str(lamp.variant_id)}, headers=telephone)
    second = await api.post("/cart", {"variant_id": str(mug.variant_id)}, headers=laptop)
    stranger = await api.post(
        "/cart", {"variant_id": str(mug.variant_id)}, headers={"Authorization": "Bearer no"}
    )
    other = {"variant_id": str(lamp.variant_id), "currency": "EUR"}
    differs = await api.post("/cart", other, headers=laptop)
    cart = await api.get("/cart", headers={"X-Cart-Token": first.body["token"]})

    assert [answer.status for answer in (first, second, stranger)] == [201, 201, 201]
    assert first.body["id"] == second.body["id"] != stranger.body["id"]
    assert first.body["token"] != second.body["token"]
    assert [item["variant_id"] for item in cart.body["items"]] == [
        str(lamp.variant_id),
        str(mug.variant_id),
    ]
    assert differs.refusal == (409, "cart_currency_differs")


async def test_addresses_are_saved_as_their_country_writes_them(api: Api, post: Post) -> None:
    await an_account(api, post)
    headers = bearer(await log_in(api))
    home = {"name": "Mara", "line1": "1 King St", "city": "Ottawa", "country": "CA"}
    wrong = await api.post("/me/addresses", {"address": home}, headers=headers)
    home |= {"region": "Ontario", "postal_code": "k1a0b1"}

    first = await api.post("/me/addresses", {"address": home}, headers=headers)
    second = await api.post(
        "/me/addresses",
        {"address": {**home, "line1": "2 King St"}, "is_default": True},
        headers=headers,
    )
    place = f"/me/addresses/{first.body['id']}"
    changed = await api.put(place, {"address": {**home, "name": "M. Quinn"}}, headers=headers)
    listed = await api.get("/me/addresses", headers=headers)
    deleted = await api.delete(place, headers=headers)
    gone = await api.put(place, {"address": home}, headers=headers)

    assert {pointer for pointer, _ in wrong.faults} == {
        "/address/region",
        "/address/postal_code",
    }
    assert first.body["address"]["region"] == "ON"
    assert first.body["address"]["postal_code"] == "K1A 0B1"
    assert first.body["is_default"] is True
    assert changed.body["address"]["name"] == "M. Quinn"
    assert [(row["id"], row["is_default"]) for row in listed.body["items"]] == [
        (second.body["id"], True),
        (first.body["id"], False),
    ]
    assert deleted.status == 200
    assert gone.refusal == (404, "saved_address_not_found")
