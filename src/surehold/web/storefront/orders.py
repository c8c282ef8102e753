"""After the order: its page, canceling it, and finding it by number and e-mail."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import cancel_order
from surehold.checkout.model import BUYER
from surehold.checkout.rules import CANCELABLE
from surehold.db import Database
from surehold.kernel import clock
from surehold.kernel.ids import OrderId
from surehold.orders import queries as orders
from surehold.orders.changes.queries import list_changes
from surehold.orders.errors import OrderHeld, OrderNotCancelable
from surehold.orders.model import (
    CancelReason,
    Fulfillment,
    Order,
    OrderStatus,
    PaymentStatus,
    Return,
)
from surehold.payments.model import RefundState
from surehold.web.api.fields import normalize_email
from surehold.web.format import format_days, format_money
from surehold.web.storefront import aftercare, destinations, order_access, order_words
from surehold.web.storefront.errors import TriedTooOften
from surehold.web.storefront.live import Answer, Feed, Streams
from surehold.web.storefront.order_access import NUMBER, Opened, order_url
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.pay import hold_view
from surehold.web.storefront.pay_state import UNPAID
from surehold.web.storefront.shown import address_lines, order_summary
from surehold.web.storefront.views import BannerView, FieldFault, OrderView, TrackView
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop
from surehold.web.validation import is_clean

#: Tries to find an order from one address, in one minute.
TRIES: Final = 10
TRY_SECONDS: Final = 60
_ADDRESSES_KEPT: Final = 10_000
_MAX_EMAIL: Final = 254
_SHIPPING_NAME: Final = gettext_noop("Standard")
#: The goods went, or go, before the money.
_DUE: Final = frozenset({PaymentStatus.PENDING, PaymentStatus.AUTHORIZED})
_OVER: Final = frozenset(
    {
        OrderStatus.DELIVERED,
        OrderStatus.CANCELED,
        OrderStatus.REFUNDED,
        OrderStatus.ARCHIVED,
    }
)
_GONE_OUT: Final = frozenset({"shipped", "in_transit"})


@get("/orders/{number:str}")
async def show(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """The order as its buyer sees it."""
    visit = store.greet(request)
    return await order_page(store, visit, number)


@get("/orders/{number:str}/live")
async def live(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """The order's block once there is something new in it; until then a short no."""
    visit = store.greet(request)
    if not visit.is_htmx:
        return store.go(visit, order_url(number))
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        pulse = await orders.find_pulse(connection, order_id=order.id)
    if pulse == visit.query.get("seen"):
        return store.answer(visit, "", status=204, cache=NO_STORE)
    visit.is_partial = True
    return await order_page(store, visit, number)


PulseFeed: TypeAlias = Feed[OrderId, str]


def pulse_feed(db: Database) -> PulseFeed:
    """The pulses of all orders that are looked at in one process."""

    async def read(order_ids: Sequence[OrderId]) -> Mapping[OrderId, str]:
        async with db.connection() as connection:
            return await orders.list_pulses(connection, order_ids=order_ids)

    return Feed(read)


@get("/orders/{number:str}/stream")
async def follow(
    request: StoreRequest,
    store: NamedDependency[Store],
    pulses: NamedDependency[PulseFeed],
    streams: NamedDependency[Streams],
    number: FromPath[str],
) -> Answer:
    """An event whenever something happened to the order."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
    if isinstance(order, Response):
        return order
    order_id = order.id
    return streams.follow(
        store, visit, lambda: pulses.look(order_id), seen=visit.query.get("seen", "")
    )


@post("/orders/{number:str}/cancel")
async def cancel(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """Give the order up, while that is allowed. Twice is once."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
    if isinstance(order, Response):
        return order
    try:
        await cancel_order(
            store.checkout, order_id=order.id, reason=CancelReason.BUYER, actor=BUYER
        )
    except OrderNotCancelable:
        banner = BannerView(
            tone="warn",
            title=gettext("This order cannot be canceled any more"),
            text=gettext("The order has gone too far. Nothing was changed."),
        )
        return await order_page(store, visit, number, status=409, banner=banner)
    except OrderHeld:
        banner = BannerView(
            tone="warn",
            title=gettext("We are checking this order"),
            text=gettext("You can cancel it once we have looked at it. Nothing was changed."),
        )
        return await order_page(store, visit, number, status=409, banner=banner)
    title = gettext("Order %(number)s is canceled", number=number)
    visit.leave_notice(BannerView(tone="ok", title=title))
    return store.go(visit, order_url(number))


async def order_page(
    store: Store,
    visit: Visit,
    number: str,
    *,
    status: int = 200,
    banner: BannerView | None = None,
) -> Page:
    """The order's page as it is now."""
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        # First, so that what happens while the rest is read is told by the next question.
        pulse = await orders.find_pulse(connection, order_id=order.id)
        opened = await order_access.read(connection, order)
        events = await orders.list_events(connection, order_id=order.id)
        slugs = await order_access.find_slugs(connection, opened.lines)
        parcels = await orders.list_fulfillments(connection, order_id=order.id)
        returns, return_lines = await orders.list_returns(connection, order_ids=[order.id])
        changes = await list_changes(connection, order_ids=[order.id])
    order, url = opened.order, order_url(number)
    is_over = _is_over(order, returns)
    is_unpaid = order.status in UNPAID and order.canceled_at is None
    is_due = order.payment_status in _DUE and order.canceled_at is None
    way = order_words.paid_with(store.checkout.context.providers, opened)
    summary = order_summary(
        store,
        order,
        opened.lines,
        slugs=slugs,
        payments=opened.payments,
        cards=opened.cards,
        backorders=opened.backorders,
    )
    view = OrderView(
        number=order.number,
        status=order.status.value,
        placed_at=order.placed_at,
        email=order.email,
        summary=summary,
        address=address_lines(order.shipping_address, visit.locale),
        steps=order_words.list_steps(order, events),
        events=order_words.tell_events(order, events, locale=visit.locale),
        paid_with=_paid_with(way, is_unpaid=is_unpaid, is_due=is_due),
        shipping_name=gettext(_SHIPPING_NAME),
        headline=_headline(order, opened, visit.locale),
        parcels=aftercare.tell_parcels(parcels, opened.lines),
        changes=aftercare.tell_changes(changes, opened.lines, opened.payments),
        returns=aftercare.tell_returns(returns, return_lines, opened.lines, url=f"{url}/returns"),
        refunds=order_words.tell_refunds(opened.refunds, way=way),
        **_return_facts(opened, parcels),
        live_url=None if is_over else f"{url}/live?seen={pulse}",
        stream_url=None if is_over else f"{url}/stream?seen={pulse}",
        hold=hold_view(store, opened) if is_unpaid else None,
        pay_url=f"{url}/pay" if is_unpaid else None,
        cancel_url=f"{url}/cancel",
        cancel_effect=_cancel_effect(opened, way, visit.locale),
    )
    return store.page(
        visit,
        "store/order.html",
        view,
        block="tracking",
        status=status,
        path=url,
        banner=banner,
        cache=NO_STORE,
    )


def _paid_with(way: str, *, is_unpaid: bool, is_due: bool) -> str:
    if is_unpaid:
        return gettext("Not paid yet")
    return gettext("%(way)s, not paid yet", way=way) if is_due else way


def _return_facts(opened: Opened, parcels: Sequence[Fulfillment]) -> dict[str, Any]:
    """Whether something can be sent back, and until when."""
    until = aftercare.returns_until(parcels, days=opened.settings.return_days)
    is_late = until is not None and opened.now > until
    if is_late or not aftercare.count_returnable(parcels, opened.lines):
        return {}
    return {
        "return_url": f"{order_url(opened.order.number)}/returns/new",
        "return_until": aftercare.day_of(until),
    }


def _is_over(order: Order, returns: Sequence[Return]) -> bool:
    """Whether nothing is expected to happen any more; who looks then is not asked again."""
    return order.status in _OVER and all(row.state in aftercare.RETURN_OVER for row in returns)


def _headline(order: Order, opened: Opened, locale: str) -> str | None:
    """One sentence with a date, once one can be given."""
    if order.canceled_at is not None:
        return gettext("This order is canceled")
    if opened.backorders:
        return None
    if order.status.value in {"paid", "confirmed", "processing", "ready_for_shipment"} | _GONE_OUT:
        country = order.shipping_address.country
        arrival = destinations.arrival(country, order.placed_at.date(), locale)
        if arrival is not None and arrival.last_day >= opened.now.date():
            days = format_days(arrival.first_day, arrival.last_day, locale)
            return gettext("Arrives %(days)s", days=days)
    return None


def _cancel_effect(opened: Opened, way: str, locale: str) -> str | None:
    """What canceling does to the money; ``None`` when it is too late to cancel."""
    order = opened.order
    if order.canceled_at is not None or order.status not in CANCELABLE:
        return None
    going = sum(row.amount_minor for row in opened.refunds if row.state is not RefundState.FAILED)
    if order.paid_minor > going:
        amount = format_money(order.paid_minor - going, order.currency, locale)
        return gettext(
            "We refund %(amount)s to the way you paid (%(way)s); it reaches you in 5–10 days.",
            amount=amount,
            way=way,
        )
    return gettext("Your items go back on sale. Nothing was charged.")


# --- Finding an order ---------------------------------------------------------------------------


class Tries:
    """How often an address tried lately, in this process: enough to make guessing hopeless."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def count(self, address: str, *, now: int) -> None:
        """Count one try.

        Raises:
            TriedTooOften: It is one too many.
        """
        since, count = self._since.pop(address, (now, 0))
        if now - since >= TRY_SECONDS:
            since, count = now, 0
        self._since[address] = (since, count + 1)
        while len(self._since) > _ADDRESSES_KEPT:
            self._since.popitem(last=False)
        if count >= TRIES:
            wait = TRY_SECONDS - (now - since)
            raise TriedTooOften("Too many tries; wait a moment.", retry_after_seconds=wait)


@get("/track")
async def track_form(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The form that finds an order."""
    visit = store.greet(request)
    return await _track_page(store, visit, TrackView())


@post("/track")
async def track(
    request: StoreRequest, store: NamedDependency[Store], tries: NamedDependency[Tries]
) -> Page:
    """Find an order. A wrong pair and an unknown number get the same answer."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    number = "".join(form.get("number", "").split()).upper()[:20]
    email = form.get("email", "").strip()[:_MAX_EMAIL]
    faults = []
    if not number:
        words = gettext("Enter the number from your confirmation email.")
        faults.append(FieldFault("number", gettext("Order number"), words))
    if not email:
        words = gettext("Enter the address that you ordered with.")
        faults.append(FieldFault("email", gettext("Email"), words))
    if faults:
        view = TrackView(number=number, email=email, faults=tuple(faults))
        return await _track_page(store, visit, view, status=422)
    client = request.scope["client"]
    tries.count(client[0] if client else "", now=clock.unix_seconds())
    order = None
    if NUMBER(number) and is_clean(email):
        async with store.open(visit) as connection:
            order = await orders.find_order_by_number(connection, number=number)
    if order is None or not _is_same_email(email, order.email):
        view = TrackView(number=number, email=email, is_unmatched=True)
        return await _track_page(store, visit, view, status=422)
    visit.keep_order(order.number, store.checkout.context.access.token(order.id))
    return store.go(visit, order_url(order.number))


async def _track_page(store: Store, visit: Visit, view: TrackView, *, status: int = 200) -> Page:
    async with store.open(visit):
        pass
    return store.page(
        visit, "store/track.html", view, block="lookup", status=status, path="/track",
        cache=NO_STORE,
    )  # fmt: skip


def _is_same_email(given: str, known: str) -> bool:
    try:
        given = normalize_email(given)
    except ValueError:
        return False
    return hmac.compare_digest(given.casefold().encode(), known.casefold().encode())
