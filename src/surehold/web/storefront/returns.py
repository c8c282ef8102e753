"""Sending goods back: which and why, what would be paid back, and the steps until it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import RETURNS, move_return, preview_refund, request_return
from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid, UnitsNotRefundable
from surehold.checkout.model import BUYER
from surehold.checkout.rules.refunding import Wish
from surehold.checkout.rules.taking_back import Wanted
from surehold.checkout.settlements import Keep
from surehold.kernel.ids import OrderLineId, ReturnId, new_id
from surehold.orders import queries as orders
from surehold.orders.errors import (
    ReturnNotFound,
    ReturnNotPossible,
    ReturnWindowOver,
    UnitsNotReturnable,
)
from surehold.orders.model import Fulfillment, Order, ReturnReason
from surehold.orders.states import ReturnEvent
from surehold.web.storefront import aftercare, order_access, return_photos
from surehold.web.storefront.cart import read_quantity
from surehold.web.storefront.checkout_form import read_key
from surehold.web.storefront.order_access import Opened, order_url
from surehold.web.storefront.order_words import paid_with
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.shown import full_name, order_line
from surehold.web.storefront.views import (
    BannerView,
    FieldFault,
    MoneyView,
    ReturnChoice,
    ReturnFormView,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop
from surehold.web.validation import is_clean, parse_id

#: Two fields for each of an order's lines, and a few more.
_MOST_FIELDS: Final = 250
_MAX_NOTE: Final = 200
_REASONS: Final = (
    (ReturnReason.DOES_NOT_FIT.value, gettext_noop("It does not fit")),
    (ReturnReason.DAMAGED.value, gettext_noop("It arrived damaged")),
    (ReturnReason.DEFECTIVE.value, gettext_noop("It does not work")),
    (ReturnReason.WRONG_ITEM.value, gettext_noop("It is not what I ordered")),
    (ReturnReason.NOT_AS_DESCRIBED.value, gettext_noop("It is not as described")),
    (ReturnReason.CHANGED_MIND.value, gettext_noop("I changed my mind")),
    (ReturnReason.OTHER.value, gettext_noop("Something else")),
)
_KNOWN: Final = frozenset(value for value, _ in _REASONS)
_EVENTS: Final = {"send": ReturnEvent.SEND, "cancel": ReturnEvent.CANCEL}
_TOO_LATE: Final = gettext_noop(
    "The time for sending this order back is over. Write to us if it is broken."
)
_TOO_MANY: Final = gettext_noop(
    "Some of it is coming back already. Look at the numbers once more."
)


class _Asked(msgspec.Struct, frozen=True):
    """An order with what of it can come back, and what was typed."""

    opened: Opened
    parcels: tuple[Fulfillment, ...]
    form: Mapping[str, str]

    @property
    def left(self) -> Mapping[OrderLineId, int]:
        return aftercare.count_returnable(self.parcels, self.opened.lines)


@get("/orders/{number:str}/returns/new")
async def show(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """What can come back, by the store's rules; without anything, back to the order."""
    visit = store.greet(request)
    asked = await _read(store, visit, number, {})
    if isinstance(asked, Response):
        return asked
    if not asked.left:
        return store.go(visit, order_url(number))
    return _page(store, visit, asked)


@post("/orders/{number:str}/returns/estimate")
async def estimate(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """The same form with what would be paid back. Asks for nothing."""
    visit = store.greet(request)
    form = await store.read_form(request, visit, most=_MOST_FIELDS)
    asked = await _read(store, visit, number, form)
    if isinstance(asked, Response):
        return asked
    wanted, faults = _read_wanted(asked)
    # While one is still choosing nothing is wrong yet; the button says what is.
    shown = () if visit.is_htmx else faults
    if faults or not wanted:
        return _page(store, visit, asked, faults=shown, status=422 if shown else 200)
    money = await _estimate(store, asked.opened.order, wanted)
    return _page(store, visit, asked, money=money)


@post("/orders/{number:str}/returns")
async def ask(request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]) -> Page:
    """Ask to send it back. Pressed twice it is one return."""
    visit = store.greet(request)
    form = await store.read_form(request, visit, most=_MOST_FIELDS)
    asked = await _read(store, visit, number, form)
    if isinstance(asked, Response):
        return asked
    wanted, faults = _read_wanted(asked)
    key = read_key(form)
    if faults or key is None:
        return _page(store, visit, asked, faults=faults, status=422)
    order = asked.opened.order
    render = store.checkout.context.render
    try:
        await request_return(
            store.checkout,
            order_id=order.id,
            return_id=ReturnId(new_id()),
            lines=wanted,
            note=_read_note(form) or None,
            actor=BUYER,
            keep=Keep(RETURNS, f"{order.id}:page:{key}", b"", render, 201),
        )
    except ReturnWindowOver:
        return _page(store, visit, asked, problem=gettext(_TOO_LATE), status=409)
    except UnitsNotReturnable:
        return _page(store, visit, asked, problem=gettext(_TOO_MANY), status=409)
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("We have your request"),
            text=gettext("We look at it and write to you. Keep the goods until we have agreed."),
        )
    )
    if any(row.reason in return_photos.WORTH_A_PHOTO for row in wanted):
        async with store.db.connection() as connection:
            newest = (await orders.list_returns(connection, order_ids=[order.id]))[0][-1]
        return store.go(visit, return_photos.photos_url(order.number, newest.id))
    return store.go(visit, order_url(number))


@post("/orders/{number:str}/returns/{return_id:str}/{step:str}")
async def move(
    request: StoreRequest,
    store: NamedDependency[Store],
    number: FromPath[str],
    return_id: FromPath[str],
    step: FromPath[str],
) -> Page:
    """Say that the parcel is on its way, or keep the goods. Twice changes nothing."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
    if isinstance(order, Response):
        return order
    found = parse_id(return_id)
    if found is None or step not in _EVENTS:
        raise ReturnNotFound("There is no such return.")
    try:
        await move_return(
            store.checkout,
            order_id=order.id,
            return_id=ReturnId(found),
            event=_EVENTS[step],
            actor=BUYER,
        )
    except ReturnNotPossible:
        visit.leave_notice(
            BannerView(
                tone="warn",
                title=gettext("The return has gone further meanwhile"),
                text=gettext("Nothing was changed. Its steps are below."),
            )
        )
    return store.go(visit, order_url(number))


async def _read(store: Store, visit: Visit, number: str, form: Mapping[str, str]) -> _Asked | Page:
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        opened = await order_access.read(connection, order)
        parcels = await orders.list_fulfillments(connection, order_id=order.id)
    return _Asked(opened, parcels, form)


def _read_wanted(asked: _Asked) -> tuple[tuple[Wanted, ...], tuple[FieldFault, ...]]:
    """What the form asks for, and everything that is wrong with it."""
    wanted, faults = [], []
    for line in asked.opened.lines:
        most = asked.left.get(line.id)
        if most is None:
            continue
        name = full_name(line.name, line.options)
        count = read_quantity(asked.form.get(f"quantity_{line.id}", "") or "0")
        reason = asked.form.get(f"reason_{line.id}", "")
        if count is None or count > most:
            words = gettext("A number from 0 to %(most)s.", most=most)
            faults.append(FieldFault(f"quantity_{line.id}", name, words))
        elif count and reason not in _KNOWN:
            words = gettext("Tell us why it comes back.")
            faults.append(FieldFault(f"reason_{line.id}", name, words))
        elif count:
            wanted.append(Wanted(line.id, count, ReturnReason(reason)))
    if not wanted and not faults and asked.left:
        first = next(iter(asked.left))
        words = gettext("Choose how many of what come back.")
        faults.append(FieldFault(f"quantity_{first}", gettext("Items"), words))
    return tuple(wanted), tuple(faults)


def _read_note(form: Mapping[str, str]) -> str:
    """What the buyer adds: one line, without what no line has."""
    text = " ".join(form.get("note", "").split())[:_MAX_NOTE]
    return text if is_clean(text) and text.isprintable() else ""


async def _estimate(store: Store, order: Order, wanted: tuple[Wanted, ...]) -> MoneyView | None:
    """What these units would be paid back with; nothing where no money has come yet."""
    units = tuple((row.line_id, row.quantity) for row in wanted)
    try:
        planned = await preview_refund(store.checkout, order_id=order.id, wish=Wish(lines=units))
    except (NothingToRefund, RefundExceedsPaid, UnitsNotRefundable):
        return None
    return MoneyView(sum(row.amount_minor for row in planned), order.currency)


def _page(
    store: Store,
    visit: Visit,
    asked: _Asked,
    *,
    money: MoneyView | None = None,
    problem: str = "",
    faults: tuple[FieldFault, ...] = (),
    status: int = 200,
) -> Page:
    opened, form, left = asked.opened, asked.form, asked.left
    order, days = opened.order, opened.settings.return_days
    url = order_url(order.number)
    until = aftercare.returns_until(asked.parcels, days=days)
    view = ReturnFormView(
        number=order.number,
        action_url=f"{url}/returns",
        estimate_url=f"{url}/returns/estimate",
        order_url=url,
        idempotency_key=read_key(form) or str(uuid.uuid4()),
        choices=tuple(
            ReturnChoice(
                line=order_line(store, line, order.currency, slugs={}),
                most=left[line.id],
                quantity=form.get(f"quantity_{line.id}", "0")[:4],
                reason=form.get(f"reason_{line.id}", ""),
            )
            for line in opened.lines
            if line.id in left
        ),
        reasons=tuple((value, gettext(label)) for value, label in _REASONS),
        days=days,
        until=aftercare.day_of(until),
        note=_read_note(form),
        estimate=money,
        way=paid_with(store.checkout.context.providers, opened),
        problem=problem
        or (gettext(_TOO_LATE) if until is not None and opened.now > until else ""),
        faults=faults,
    )
    return store.page(
        visit,
        "store/return_new.html",
        view,
        block="form",
        status=status,
        path=url,
        cache=NO_STORE,
    )
