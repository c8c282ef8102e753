"""The account's pages, through their forms and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.db import Database
from surehold.identity.model import LetterKind
from tests.builders.accounts import PASSWORD, Post
from tests.builders.catalog import a_product
from tests.web.storefront.browser import Browser, Page
from tests.web.storefront.buying import add_to_cart, buy, number_of

EMAIL = "mara@example.com"
OTHER_PASSWORD = "louder-harbor-lamp-42"


@pytest.fixture
def post(db: Database) -> Post:
    return Post(db)


@pytest.fixture
async def other(app: Any) -> AsyncIterator[Browser]:
    """The same person's telephone, or somebody else."""
    async with Browser(app) as opened:
        yield opened


async def register(browser: Browser, post: Post, email: str = EMAIL) -> Page:
    page = await browser.get("/account/register")
    await browser.submit(
        page, "/account/register", {"email": email, "password": PASSWORD, "name": "Mara Quinn"}
    )
    token = await post.token(LetterKind.CONFIRM_REGISTRATION)
    page = await browser.get(f"/account/confirm?token={token}")
    return await browser.submit(page, "/account/confirm")


async def sign_in(browser: Browser, email: str = EMAIL, password: str = PASSWORD) -> Page:
    page = await browser.get("/account/sign-in")
    return await browser.submit(page, "/account/sign-in", {"email": email, "password": password})


async def test_registering_signing_in_and_out(browser: Browser, post: Post) -> None:
    page = await browser.get("/account/register")
    weak = await browser.submit(
        page, "/account/register", {"email": EMAIL, "password": "password1234"}
    )
    confirmed = await register(browser, post)
    signed_in = await sign_in(browser)
    again = await browser.get("/account/sign-in?next=/account/sign-in?next=/")
    out = await browser.submit(signed_in, "/account/sign-out")
    after = await browser.get("/account")

    assert weak.status == 422
    assert "Too many people use this one; guessers know it." in weak.text
    assert weak.form("/account/register").fields["email"] == EMAIL
    assert (confirmed.path, confirmed.status) == ("/account/sign-in", 200)
    assert "Your account is confirmed" in confirmed.text
    assert (signed_in.path, signed_in.heading) == ("/account", "Your orders")
    assert (again.path, again.status) == ("/account", 200)
    assert "You are signed out" in out.text
    assert after.path == "/account/sign-in"
    assert browser.cookie("surehold_session") is None


async def test_nothing_tells_whether_there_is_an_account(
    browser: Browser, other: Browser, post: Post
) -> None:
    await register(browser, post)
    seen = []
    for visitor, email in ((browser, EMAIL), (other, "nobody@example.com")):
        answers = []
        wrong = await sign_in(visitor, email, "not-the-password")
        answers.append((wrong.status, wrong.text.replace(email, "·")))
        for path in ("/account/reset", "/account/sign-in/link"):
            page = await visitor.get(path)
            sent = await visitor.submit(page, path, {"email": email})
            answers.append((sent.status, sent.text.replace(email, "·")))
        page = await visitor.get("/account/register")
        sent = await visitor.submit(
            page, "/account/register", {"email": email, "password": PASSWORD}
        )
        answers.append((sent.status, sent.text.replace(email, "·")))
        seen.append(answers)

    assert [status for status, _ in seen[0]] == [422, 200, 200, 200]
    assert seen[0] == seen[1]


async def test_too_many_wrong_passwords_wait(browser: Browser, post: Post) -> None:
    await register(browser, post)
    pages = [await sign_in(browser, password="not-the-password") for _ in range(6)]

    assert [page.status for page in pages] == [422] * 5 + [429]
    assert pages[5].response.headers["retry-after"] == "5"
    assert "Try again in 5 seconds." in pages[5].text
    assert pages[5].form("/account/sign-in").fields["email"] == EMAIL


async def test_a_password_is_reset_by_a_letter_once(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=5, images=0)
    await register(browser, post)
    await sign_in(browser)
    await add_to_cart(other, lamp.slug)
    page = await browser.get("/account/reset")
    await browser.submit(page, "/account/reset", {"email": EMAIL})
    token = await post.token(LetterKind.RESET_PASSWORD)
    page = await other.get(f"/account/reset?token={token}")
    weak = await other.submit(page, "/account/reset", {"password": "short"})
    done = await other.submit(weak, "/account/reset", {"password": OTHER_PASSWORD})
    kept = await other.get("/cart")
    page = await browser.get(f"/account/reset?token={token}")
    again = await browser.submit(page, "/account/reset", {"password": PASSWORD})

    assert (weak.status, "At least 10 characters." in weak.text) == (422, True)
    assert "Your new password is set" in done.text
    assert "Trail lamp" in kept.text
    assert (again.status, again.heading) == (404, "This link opens nothing any more")
    assert (await sign_in(browser)).status == 422
    assert (await sign_in(browser, password=OTHER_PASSWORD)).path == "/account"


async def test_a_link_signs_in_on_the_press_of_its_button_alone(
    browser: Browser, other: Browser, post: Post
) -> None:
    await register(browser, post)
    page = await browser.get("/account/sign-in/link")
    await browser.submit(page, "/account/sign-in/link", {"email": EMAIL})
    token = await post.token(LetterKind.MAGIC_LINK)
    # A mail program looks at the link first.
    await other.get(f"/account/sign-in?token={token}")
    page = await browser.get(f"/account/sign-in?token={token}&next=https://evil.example")
    signed_in = await browser.submit(page, "/account/sign-in/redeem")
    page = await other.get(f"/account/sign-in?token={token}")
    again = await other.submit(page, "/account/sign-in/redeem")

    assert signed_in.path == "/"
    assert (await browser.get("/account")).heading == "Your orders"
    assert (again.status, again.heading) == (404, "This link opens nothing any more")


async def test_signing_in_brings_the_carts_together_and_out_hides_them(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=5, images=0)
    mug = await a_product(db, name="Mug", on_hand=5, images=0)
    await register(browser, post)
    await add_to_cart(browser, lamp.slug)
    await sign_in(browser)
    await add_to_cart(other, mug.slug)
    await sign_in(other)
    cart = await other.get("/cart")
    page = await other.get("/account")
    await other.submit(page, "/account/sign-out")
    hidden = await other.get("/cart")

    assert "Trail lamp" in cart.text
    assert "Mug" in cart.text
    assert "Your cart is empty" in hidden.text


async def test_orders_are_the_accounts_own_and_open_without_a_link(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    lamp = await a_product(db, name="Trail lamp", on_hand=9, images=0)
    number = number_of(await buy(other, lamp.slug))
    await register(browser, post)
    await sign_in(browser)
    listed = await browser.get("/account")
    opened = await browser.get(f"/orders/{number}")
    canceled = await browser.submit(opened, f"/orders/{number}/cancel")
    wrong = await browser.get("/account?cursor=nonsense")
    await register(other, post, "eve@example.com")
    other.client.cookies.clear()
    await sign_in(other, "eve@example.com")

    assert f"Order {number}" in listed.text
    assert (opened.status, canceled.heading) == (200, "This order is canceled")
    assert (wrong.status, wrong.path) == (200, "/account")
    assert "No orders yet" in (await other.get("/account")).text
    assert (await other.get(f"/orders/{number}")).status == 404


async def test_addresses_are_kept_changed_and_forgotten(browser: Browser, post: Post) -> None:
    await register(browser, post)
    await sign_in(browser)
    page = await browser.get("/account/addresses/new")
    bad = await browser.submit(page, "/account/addresses", {"line1": "1 Quay"}, button="Save")
    first = await browser.submit(bad, "/account/addresses", {"city": "Galway"}, button="Save")
    page = await browser.get("/account/addresses/new")
    second = await browser.submit(
        page,
        "/account/addresses",
        {"line1": "2 Dock", "city": "Cork", "postal_code": "T12 X2KP"},
        button="Save",
    )
    default = await browser.submit(second, "/account/addresses/*/default")
    edit = await browser.get(default.links["Edit"])
    changed = await browser.submit(
        edit, "/account/addresses/*", {"line1": "3 Dock"}, button="Save"
    )
    rest = await browser.submit(changed, "/account/addresses/*/delete")

    assert bad.status == 422
    assert bad.form("/account/addresses").fields["line1"] == "1 Quay"
    assert "1 Quay" in first.text
    assert default.text.index("2 Dock") < default.text.index("1 Quay")
    assert "3 Dock" in changed.text
    assert changed.text.index("Default") < changed.text.index("3 Dock")
    assert "3 Dock" not in rest.text
    assert "1 Quay" in rest.text


async def test_password_email_and_sessions_are_changed_with_the_password(
    browser: Browser, other: Browser, post: Post
) -> None:
    await register(browser, post)
    await sign_in(browser)
    await sign_in(other)
    page = await browser.get("/account/security")
    wrong = await browser.submit(
        page,
        "/account/security/password",
        {"current_password": "not-the-password", "password": OTHER_PASSWORD},
    )
    both = "End all other sessions" in page.text
    ended = await browser.submit(page, "/account/security/sessions/others/end")
    changed = await browser.submit(
        ended,
        "/account/security/password",
        {"current_password": PASSWORD, "password": OTHER_PASSWORD},
    )
    await post.fetch()
    await browser.submit(
        changed,
        "/account/security/email",
        {"new_email": "m.quinn@example.com", "email_password": OTHER_PASSWORD},
    )
    token = await post.token(LetterKind.CONFIRM_EMAIL)
    page = await browser.get(f"/account/confirm-email?token={token}")
    moved = await browser.submit(page, "/account/confirm-email")

    assert (wrong.status, both) == (422, True)
    assert "This is not the password of your account." in wrong.text
    assert "1 session ended" in ended.text
    assert (await other.get("/account")).path == "/account/sign-in"
    assert "Your password is changed" in changed.text
    assert "Your email address is changed" in moved.text
    assert (await sign_in(browser, "m.quinn@example.com", OTHER_PASSWORD)).path == "/account"


async def test_a_cart_begun_after_the_sign_in_is_there_on_another_device(
    browser: Browser, other: Browser, post: Post, db: Database
) -> None:
    lamp = await a_product(db, name="Lamp", on_hand=3)
    mug = await a_product(db, name="Mug", on_hand=3)
    await register(browser, post)
    await sign_in(browser)
    await add_to_cart(browser, lamp.slug, 2)

    await add_to_cart(other, lamp.slug, 2)
    await add_to_cart(other, mug.slug)
    await sign_in(other)
    carts = [await visitor.get("/cart") for visitor in (browser, other)]

    # Two and two would be four: there are three.
    for cart in carts:
        assert {"Lamp", "Mug"} <= set(cart.links)
        assert "4 items" in cart.text


async def test_pages_of_an_account_ask_little(
    browser: Browser, post: Post, db: Database, statements: list[str]
) -> None:
    lamp = await a_product(db, on_hand=9, images=0)
    await register(browser, post)
    number = number_of(await buy(browser, lamp.slug))
    await sign_in(browser)
    asked = {}

    for path in (
        "/account",
        "/account/addresses",
        "/account/security",
        "/checkout",
        f"/orders/{number}",
        f"/orders/{number}/live?seen=1-0-0-0-0",
    ):
        statements.clear()
        page = await browser.get(path, hx_request="true")
        asked[path.replace(number, "N")] = (page.status, len(statements))

    assert asked == {
        "/account": (200, 4),
        "/account/addresses": (200, 3),
        "/account/security": (200, 4),
        "/checkout": (200, 5),
        "/orders/N": (200, 17),
        "/orders/N/live?seen=1-0-0-0-0": (204, 4),
    }


async def test_a_form_of_before_the_sign_in_is_refused_after_it(
    browser: Browser, post: Post
) -> None:
    await register(browser, post)
    before = await browser.get("/track")
    await sign_in(browser)

    assert (await browser.submit(before, "/theme")).status == 403


async def test_what_is_chosen_in_the_menu_is_written_in(
    browser: Browser, other: Browser, post: Post
) -> None:
    await browser.submit(await browser.get("/"), "/language", button="Deutsch")
    page = await browser.get("/account/register")
    await browser.submit(
        page, "/account/register", {"email": EMAIL, "password": PASSWORD, "name": "Mara Quinn"}
    )
    (asked,) = await post.fetch()
    token = asked.text.partition("?token=")[2].split()[0]
    page = await browser.get(f"/account/confirm?token={token}")
    await browser.submit(page, "/account/confirm")
    signed_in = await sign_in(browser)
    hindi = await browser.submit(signed_in, "/language", button="हिन्दी")
    # Nobody's browser asks for this one's language: it is the account's.
    page = await other.get("/account/reset")
    await other.post(
        "/account/reset",
        {"email": EMAIL, "csrf_token": page.form("/account/reset").fields["csrf_token"]},
        accept_language="*",
    )
    (later,) = await post.fetch()

    assert asked.subject == "Bestätigen Sie Ihr Konto bei Northline"
    assert asked.text.startswith("Guten Tag Mara Quinn,\n\njemand, hoffentlich Sie selbst,")
    assert hindi.path == "/account"
    assert later.subject == "Northline पर नया पासवर्ड बनाएँ"
