"""E-mail, password and sessions of whoever is signed in."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.identity import commands, queries
from surehold.identity.errors import InvalidCredentials, SessionNotFound, TooManyAttempts
from surehold.identity.model import Principal
from surehold.identity.rules import PASSWORD_MAX
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import SessionId
from surehold.web.api.identity.caller import place_of
from surehold.web.storefront.account.devices import describe_device
from surehold.web.storefront.account.entry import check_email, list_faults, read_email
from surehold.web.storefront.account.orders import account_page, find_principal, go_and_sign_in
from surehold.web.storefront.account.views import SecurityView, SessionView
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.views import BannerView, FieldFault
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop, ngettext
from surehold.web.validation import is_clean, parse_id

SECURITY = "/account/security"
WRONG = gettext_noop("This is not the password of your account.")


@get("/account/security")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Everything that opens the account."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    return await _page(store, visit, principal)


@post("/account/security/password")
async def change_password(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """A new password, for who knows the current one. Every other session ends."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    current, wanted = form.get("current_password", ""), form.get("password", "")
    try:
        if not is_clean(wanted):
            words = gettext("Some of these characters cannot be used.")
            fault = FieldFault("password", gettext("New password"), words)
            return await _page(store, visit, principal, faults=(fault,), status=422)
        await commands.change_password(
            store.identity, principal=principal, current=read_current(current), password=wanted
        )
    except InvalidInput as refusal:
        return await _page(store, visit, principal, faults=list_faults(refusal), status=422)
    except InvalidCredentials:
        fault = FieldFault("current_password", gettext("Current password"), gettext(WRONG))
        return await _page(store, visit, principal, faults=(fault,), status=422)
    except TooManyAttempts as refusal:
        return await _wait(store, visit, principal, refusal)
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Your password is changed"),
            text=gettext("Every other session has ended."),
        )
    )
    return store.go(visit, SECURITY)


@post("/account/security/email")
async def change_email(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Write to a new address; until its link is used the old one stays."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    email = read_email({"email": form.get("new_email", "")})
    faults: tuple[FieldFault, ...]
    try:
        check_email(email)
        await commands.change_email(
            store.identity,
            principal=principal,
            password=read_current(form.get("email_password", "")),
            email=email,
            language=place_of(request).language,
        )
    except InvalidInput:
        words = gettext("Enter an address such as name@example.com.")
        faults = (FieldFault("new_email", gettext("New email"), words),)
        return await _page(store, visit, principal, new_email=email, faults=faults, status=422)
    except InvalidCredentials:
        faults = (FieldFault("email_password", gettext("Password"), gettext(WRONG)),)
        return await _page(store, visit, principal, new_email=email, faults=faults, status=422)
    except TooManyAttempts as refusal:
        return await _wait(store, visit, principal, refusal)
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Look into your mailbox"),
            text=gettext(
                "We wrote to %(email)s. Until its link is used, your address stays as it is.",
                email=email,
            ),
        )
    )
    return store.go(visit, SECURITY)


@post("/account/security/sessions/{session_id:str}/end")
async def end_session(
    request: StoreRequest, store: NamedDependency[Store], session_id: FromPath[str]
) -> Page:
    """End one of the sessions, or with ``others`` all but this one. Twice is once."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    if session_id == "others":
        count = await commands.end_sessions(store.db, principal=principal)
        title = ngettext("%(num)s session ended", "%(num)s sessions ended", count)
        visit.leave_notice(BannerView(tone="ok", title=title))
        return store.go(visit, SECURITY)
    found = parse_id(session_id)
    if found is None:
        return store.go(visit, SECURITY)
    try:
        await commands.end_session(store.db, principal=principal, session_id=SessionId(found))
    except SessionNotFound:
        return store.go(visit, SECURITY)
    visit.leave_notice(BannerView(tone="ok", title=gettext("The session is ended")))
    return store.go(visit, SECURITY)


def read_current(text: str) -> str:
    """The current password as it was typed.

    Raises:
        InvalidCredentials: It can be nobody's.
    """
    if not text or len(text) > PASSWORD_MAX or not is_clean(text):
        raise InvalidCredentials(WRONG)
    return text


async def _wait(
    store: Store, visit: Visit, principal: Principal, refusal: TooManyAttempts
) -> Page:
    return await _page(
        store, visit, principal, wait_seconds=refusal.retry_after_seconds, status=429
    )


async def _page(
    store: Store,
    visit: Visit,
    principal: Principal,
    *,
    new_email: str = "",
    faults: tuple[FieldFault, ...] = (),
    wait_seconds: int | None = None,
    status: int = 200,
) -> Page:
    async with store.db.connection() as connection:
        account = await queries.get_account(connection, account_id=principal.account_id)
        rows = await queries.list_sessions(connection, account_id=principal.account_id)
    view = SecurityView(
        email=account.email,
        has_password=account.has_password,
        sessions=tuple(
            SessionView(
                id=str(row.id),
                device=describe_device(row.device),
                address=row.address,
                last_used_at=row.last_used_at,
                is_current=row.id == principal.session_id,
            )
            for row in rows
        ),
        new_email=new_email,
        faults=faults,
        wait_seconds=wait_seconds,
    )
    return account_page(store, visit, "security", view, status=status)
