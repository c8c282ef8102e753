"""What letters are for: making an account, a new password, a new address.

Opening the link of a letter changes nothing, for mail programs open links by themselves: the page
has a button, and its press uses the link.
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency

from surehold.identity import commands
from surehold.identity.errors import AddressTaken, TokenInvalid, TooManyAttempts
from surehold.kernel.errors import Fault, InvalidInput
from surehold.web.api.identity.caller import place_of
from surehold.web.storefront.account.entry import (
    SIGN_IN,
    check_email,
    entry_page,
    list_faults,
    read_email,
    read_token,
    refuse,
    sent_page,
    void_page,
    wait_page,
)
from surehold.web.storefront.account.views import EntryKind, EntryView
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.views import BannerView, FieldFault
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext
from surehold.web.validation import is_clean

_MAX_NAME: Final = 200


@get("/account/register")
async def show_register(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The form of a new account."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    if visit.principal is not None:
        return store.go(visit, "/account")
    return entry_page(store, visit, "register", EntryView())


@post("/account/register")
async def register(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Write to the address. Whether it has an account is told in the letter alone."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    name = " ".join(form.get("name", "").split())[:_MAX_NAME]
    view = EntryView(email=read_email(form), name=name)
    if not (is_clean(name) and name.isprintable()):
        fault = FieldFault("name", gettext("Name"), gettext("Letters and spaces only."))
        return await refuse(store, visit, "register", view, fault)
    try:
        check_email(view.email)
        await commands.register(
            store.identity,
            email=view.email,
            password=_read_password(form),
            name=name,
            place=place_of(request),
        )
    except InvalidInput as refusal:
        return await refuse(store, visit, "register", view, *list_faults(refusal))
    except TooManyAttempts as refusal:
        return await wait_page(store, visit, "register", view, refusal)
    return await sent_page(store, visit, view)


@get("/account/confirm")
async def show_confirm(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The button that makes the account."""
    return await _button(store, store.greet(request), EntryKind.REGISTRATION)


@post("/account/confirm")
async def confirm(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Make the account, once."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    view = EntryView(kind=EntryKind.REGISTRATION, token=read_token(form))
    try:
        await commands.confirm_registration(store.identity, token=view.token)
    except TokenInvalid:
        return await void_page(store, visit, view)
    except AddressTaken:
        visit.leave_notice(_taken())
        return store.go(visit, SIGN_IN)
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Your account is confirmed"),
            text=gettext("You can sign in now."),
        )
    )
    return store.go(visit, SIGN_IN)


@get("/account/reset")
async def show_reset(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Ask for a letter; with its token, the form of the new password."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    token = read_token(visit.query)
    view = EntryView(kind=EntryKind.RESET, token=token)
    return entry_page(store, visit, "reset" if token else "ask", view)


@post("/account/reset")
async def reset(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Write the letter, or set the password by it."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    view = EntryView(kind=EntryKind.RESET, email=read_email(form), token=read_token(form))
    page = "reset" if "token" in form else "ask"
    try:
        if page == "ask":
            check_email(view.email)
            await commands.ask_password_reset(
                store.identity, email=view.email, place=place_of(request)
            )
            return await sent_page(store, visit, view)
        await commands.reset_password(
            store.identity, token=view.token, password=_read_password(form)
        )
    except InvalidInput as refusal:
        return await refuse(store, visit, page, view, *list_faults(refusal))
    except TooManyAttempts as refusal:
        return await wait_page(store, visit, page, view, refusal)
    except TokenInvalid:
        return await void_page(store, visit, view)
    visit.forget_session()
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Your new password is set"),
            text=gettext("Every session has ended. Sign in with the new password."),
        )
    )
    return store.go(visit, SIGN_IN)


@get("/account/confirm-email")
async def show_confirm_email(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The button that changes the address."""
    return await _button(store, store.greet(request), EntryKind.EMAIL)


@post("/account/confirm-email")
async def confirm_email(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Change the address, once. Every session ends."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    view = EntryView(kind=EntryKind.EMAIL, token=read_token(form))
    try:
        await commands.confirm_email(store.identity, token=view.token)
    except TokenInvalid:
        return await void_page(store, visit, view)
    except AddressTaken:
        visit.leave_notice(_taken())
        return store.go(visit, SIGN_IN)
    visit.forget_session()
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Your email address is changed"),
            text=gettext("Every session has ended. Sign in with the new address."),
        )
    )
    return store.go(visit, SIGN_IN)


def _taken() -> BannerView:
    return BannerView(
        tone="warn",
        title=gettext("There is an account with this email already"),
        text=gettext("Nothing was changed. Sign in, or set a new password."),
    )


async def _button(store: Store, visit: Visit, kind: EntryKind) -> Page:
    token = read_token(visit.query)
    if not token:
        return await void_page(store, visit, EntryView(kind=kind))
    async with store.open(visit):
        pass
    return entry_page(store, visit, "confirm", EntryView(kind=kind, token=token))


def _read_password(form: dict[str, str]) -> str:
    """A new password, as it is.

    Raises:
        InvalidInput: Nothing can keep this one.
    """
    password = form.get("password", "")
    if not is_clean(password):
        raise InvalidInput(
            (Fault("/password", "invalid_text", "Some of these characters cannot be used."),)
        )
    return password
