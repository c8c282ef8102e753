"""Coming in, by password or by a link, and out again. Who has an account shows nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from surehold.cart import commands as carts
from surehold.identity import commands
from surehold.identity.errors import (
    CodeInvalid,
    CodeRequired,
    InvalidCredentials,
    SessionNotFound,
    TokenInvalid,
    TooManyAttempts,
)
from surehold.identity.model import AccountKind, EndReason, SessionKind, SignedIn
from surehold.identity.rules import PASSWORD_MAX, PASSWORD_MIN
from surehold.kernel.errors import Fault, InvalidInput
from surehold.web.api.identity.caller import place_of
from surehold.web.storefront.account.views import EntryKind, EntryView
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.views import BannerView, FieldFault
from surehold.web.storefront.visit import StoreRequest, Visit, local_path
from surehold.web.translations import gettext, gettext_noop
from surehold.web.validation import is_clean

HOME: Final = "/account"
SIGN_IN: Final = "/account/sign-in"
SIGN_OUT: Final = "/account/sign-out"
MAX_EMAIL: Final = 254
_MAX_CODE: Final = 30
_MAX_TOKEN: Final = 200
_WRONG: Final = gettext_noop("The email and the password do not belong together.")


@get("/account/sign-in")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The form; with the token of a letter, the button that uses it."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    token = read_token(visit.query)
    if token:
        return entry_page(
            store, visit, "confirm", EntryView(kind=EntryKind.LINK, token=token, next=_next(visit))
        )
    if visit.principal is not None:
        return store.go(visit, _next(visit))
    return entry_page(store, visit, "sign_in", EntryView(next=_next(visit)))


@post("/account/sign-in")
async def sign_in(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Begin a session, and bring the cart along."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    email, password, code = read_email(form), form.get("password", ""), _read_code(form)
    view = EntryView(email=email, next=_next_of(form), needs_code="code" in form)
    faults = []
    if not email:
        faults.append(
            FieldFault("email", gettext("Email"), gettext("Enter the email of your account."))
        )
    if not password:
        faults.append(FieldFault("password", gettext("Password"), gettext("Enter your password.")))
    if faults:
        return await refuse(store, visit, "sign_in", view, *faults)
    wrong = FieldFault("password", gettext("Password"), gettext(_WRONG))
    if not is_clean(email) or not is_clean(password) or len(password) > PASSWORD_MAX:
        return await refuse(store, visit, "sign_in", view, wrong)
    try:
        signed_in = await commands.sign_in(
            store.identity,
            email=email,
            password=password,
            code=code,
            device=visit.device_token or None,
            place=place_of(request),
            kind=SessionKind.BROWSER,
        )
    except InvalidCredentials:
        return await refuse(store, visit, "sign_in", view, wrong)
    except (CodeRequired, CodeInvalid) as refusal:
        return await _ask_for_code(store, visit, "sign_in", view, refusal)
    except TooManyAttempts as refusal:
        return await wait_page(store, visit, "sign_in", view, refusal)
    return await _begin(store, visit, signed_in, view.next)


@get("/account/sign-in/link")
async def show_link(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The form that asks for a letter with a link."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    return entry_page(store, visit, "ask", EntryView(kind=EntryKind.LINK))


@post("/account/sign-in/link")
async def ask_link(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Write the letter. Whoever has no account hears the same."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    view = EntryView(kind=EntryKind.LINK, email=read_email(form))
    try:
        check_email(view.email)
        await commands.ask_magic_link(store.identity, email=view.email, place=place_of(request))
    except InvalidInput as refusal:
        return await refuse(store, visit, "ask", view, *list_faults(refusal))
    except TooManyAttempts as refusal:
        return await wait_page(store, visit, "ask", view, refusal)
    return await sent_page(store, visit, view)


@post("/account/sign-in/redeem")
async def redeem(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Begin a session by the link of a letter: once, and only on the press of its button."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    view = EntryView(
        kind=EntryKind.LINK,
        token=read_token(form),
        next=_next_of(form),
        needs_code="code" in form,
    )
    try:
        signed_in = await commands.redeem_magic_link(
            store.identity,
            token=view.token,
            code=_read_code(form),
            place=place_of(request),
            kind=SessionKind.BROWSER,
        )
    except TokenInvalid:
        return await void_page(store, visit, view)
    except (CodeRequired, CodeInvalid) as refusal:
        return await _ask_for_code(store, visit, "confirm", view, refusal)
    except TooManyAttempts as refusal:
        return await wait_page(store, visit, "confirm", view, refusal)
    return await _begin(store, visit, signed_in, view.next)


@post("/account/sign-out")
async def sign_out(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """End the session. Twice is once."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    async with store.open(visit):
        pass
    principal = visit.principal
    if principal is not None and principal.session_id is not None:
        with suppress(SessionNotFound):
            await commands.end_session(
                store.db,
                principal=principal,
                session_id=principal.session_id,
                reason=EndReason.SIGNED_OUT,
            )
    visit.forget_session()
    visit.leave_notice(BannerView(tone="ok", title=gettext("You are signed out")))
    return store.go(visit, "/")


async def _begin(store: Store, visit: Visit, signed_in: SignedIn, target: str) -> Page:
    """The session is there: its cookies, the buyer's cart and wishes, and on to the target."""
    visit.keep_session(signed_in)
    if signed_in.account.kind is AccountKind.CUSTOMER:
        token = await carts.adopt_cart(
            store.db, buyer_id=signed_in.account.id, token=visit.cart_token
        )
        if token is not None:
            visit.keep_cart(token)
        wishes = await carts.adopt_wishlist(
            store.db, buyer_id=signed_in.account.id, token=visit.wishlist_token
        )
        if wishes is not None:
            visit.keep_wishlist(wishes, seconds=int(carts.WISHES_KEPT_FOR.total_seconds()))
    return store.go(visit, target)


async def _ask_for_code(
    store: Store, visit: Visit, page: str, view: EntryView, refusal: CodeRequired | CodeInvalid
) -> Page:
    """The second factor is asked for; the password is never sent back to the page."""
    words = gettext("Enter the code of your authenticator, or a recovery code.")
    if isinstance(refusal, CodeInvalid):
        words = gettext("This code does not fit, or was used before. Enter the next one.")
    view = msgspec.structs.replace(view, needs_code=True)
    return await refuse(store, visit, page, view, FieldFault("code", gettext("Code"), words))


# --- What the forms of coming in share ----------------------------------------------------------


def entry_page(
    store: Store,
    visit: Visit,
    page: str,
    view: EntryView,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Page:
    """One step of coming in; nobody keeps it, and no search engine lists it."""
    return store.page(
        visit,
        f"store/account/{page}.html",
        view,
        status=status,
        path="/",
        cache=NO_STORE,
        headers={"x-robots-tag": "noindex", **(headers or {})},
    )


async def sent_page(store: Store, visit: Visit, view: EntryView) -> Page:
    """A letter is on its way, if there is anybody to write to."""
    async with store.open(visit):
        pass
    return entry_page(store, visit, "sent", view)


async def void_page(store: Store, visit: Visit, view: EntryView) -> Page:
    """The link of the letter opens nothing any more."""
    async with store.open(visit):
        pass
    void = msgspec.structs.replace(view, is_void=True, token="", needs_code=False)
    return entry_page(store, visit, "confirm", void, status=404)


async def wait_page(
    store: Store, visit: Visit, page: str, view: EntryView, refusal: TooManyAttempts
) -> Page:
    """Too many attempts: how long to wait, with what was typed kept."""
    async with store.open(visit):
        pass
    seconds = refusal.retry_after_seconds
    view = msgspec.structs.replace(view, wait_seconds=seconds)
    return entry_page(store, visit, page, view, status=429, headers={"retry-after": str(seconds)})


async def refuse(
    store: Store, visit: Visit, page: str, view: EntryView, *faults: FieldFault
) -> Page:
    """The form once more, with what is wrong beside its fields and what was typed kept."""
    async with store.open(visit):
        pass
    view = msgspec.structs.replace(view, faults=faults)
    return entry_page(store, visit, page, view, status=422)


_LABELS: Final = {
    "email": gettext_noop("Email"),
    "password": gettext_noop("Password"),
    "name": gettext_noop("Name"),
}
#: What the rules of passwords find, by their codes.
FAULTS: Final = {
    "password_too_short": gettext_noop("At least %(least)s characters."),
    "password_too_long": gettext_noop("At most %(most)s characters."),
    "password_too_common": gettext_noop("Too many people use this one; guessers know it."),
    "password_is_email": gettext_noop("Do not make it of the e-mail address."),
    "invalid_text": gettext_noop("Some of these characters cannot be used."),
}


def list_faults(refusal: InvalidInput) -> tuple[FieldFault, ...]:
    """What a command found wrong, beside the fields that it is about."""
    found: dict[str, FieldFault] = {}
    for fault in refusal.faults:
        field = fault.pointer.rpartition("/")[2]
        words = fault.detail
        if field == "email":
            words = gettext("Enter an address such as name@example.com.")
        elif fault.code in FAULTS:
            words = gettext(FAULTS[fault.code], least=PASSWORD_MIN, most=PASSWORD_MAX)
        found.setdefault(field, FieldFault(field, gettext(_LABELS.get(field, field)), words))
    return tuple(found.values())


def check_email(email: str) -> None:
    """Refuse what the database could not even hold.

    Raises:
        InvalidInput: No such address can exist.
    """
    if not email or not is_clean(email):
        raise InvalidInput((Fault("/email", "invalid_email", "No such address can exist."),))


def read_email(form: Mapping[str, str]) -> str:
    """The address that was typed, without spaces around it."""
    return form.get("email", "").strip()[:MAX_EMAIL]


def read_token(given: Mapping[str, str]) -> str:
    """The token of a letter's link; nothing when it cannot be one of ours."""
    token = given.get("token", "")
    return token if len(token) <= _MAX_TOKEN and token.isascii() and token.isprintable() else ""


def _read_code(form: Mapping[str, str]) -> str | None:
    code = "".join(form.get("code", "").split())[:_MAX_CODE]
    return code if code and is_clean(code) else None


def _next(visit: Visit) -> str:
    return _next_of(visit.query)


def _next_of(given: Mapping[str, str]) -> str:
    """Where it leads from here: a page of ours, and never back to signing in."""
    target = local_path(given.get("next", "") or HOME)
    return HOME if target.startswith((SIGN_IN, SIGN_OUT)) else target
