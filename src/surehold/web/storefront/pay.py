"""Paying an order: one page for every state, safe to reload, to leave and to come back to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import structlog
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.addresses.rules import judge_phone
from surehold.checkout.commands import (
    EXTENSIONS,
    extend_reservation,
    retry_payment,
    verify_payment,
)
from surehold.checkout.errors import ExtensionRefused, HoldOver, OrderNotPayable
from surehold.checkout.rules import hold_time
from surehold.checkout.settlements import SENT_AGAIN_AFTER, Keep
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Shortage as StockShortage
from surehold.kernel.errors import Busy
from surehold.kernel.ids import merchant_reference
from surehold.orders import queries as orders
from surehold.orders.model import Order
from surehold.orders.transfers.queries import list_proofs
from surehold.payments import queries as payments
from surehold.payments.errors import (
    AmountNotSupported,
    CurrencyNotSupported,
    PaymentInProgress,
    ProviderUnknown,
)
from surehold.payments.model import (
    Payment,
    PaymentState,
    PostForm,
    PushPrompt,
    Redirect,
)
from surehold.web.storefront import destinations, order_access
from surehold.web.storefront.address_words import phone_words
from surehold.web.storefront.order_access import Opened, order_url
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.pay_state import (
    AFTER_PAYMENT,
    decide,
    describe_decline,
    is_refused_transfer,
    may_retry,
    poll_after,
)
from surehold.web.storefront.provider_form import find_form
from surehold.web.storefront.shown import (
    address_lines,
    order_shortages,
    order_summary,
    payment_choices,
)
from surehold.web.storefront.transfer import has_whole_code, transfer_code, transfer_lines
from surehold.web.storefront.views import (
    HoldView,
    MoneyView,
    PayState,
    PayView,
    PollView,
    Shortage,
)
from surehold.web.storefront.visit import StoreRequest, Visit

log = structlog.get_logger(__name__)

#: States in which a provider may know more than we do.
_OPEN: Final = frozenset(
    {PaymentState.PENDING, PaymentState.REQUIRES_ACTION, PaymentState.UNKNOWN}
)
#: States in which the other ways to pay are offered without the one that is open.
_PAID_ELSEWHERE: Final = frozenset(
    {
        PayState.REDIRECT,
        PayState.PHONE_PROMPT,
        PayState.FORM,
        PayState.BANK_TRANSFER,
        PayState.ELSEWHERE,
    }
)
#: What a service adds to the address that it sends the buyer back to, and nobody else should read.
_SECRETS: Final = frozenset({"payment_intent_client_secret"})
#: Polls that read the provider; later ones leave that to the worker and read only what is known.
ASKING_POLLS: Final = 4
_MAX_PHONE: Final = 40
_SHOWN_UNTIL: Final = timedelta(hours=3)
#: A person answers within this time when an amount does not match.
REVIEW_WITHIN: Final = timedelta(hours=24)


@get("/orders/{number:str}/pay")
async def show(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """The payment page. A buyer who comes back is told what the provider says now."""
    visit = store.greet(request)
    order = await _enter(store, visit, number)
    if isinstance(order, Response):
        return order
    if _SECRETS & visit.query.keys():
        return store.go(visit, f"{order_url(number)}/pay")
    return await pay_page(store, visit, order, is_asking=True)


@get("/orders/{number:str}/pay/status")
async def status(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """How the payment stands, as the block that htmx swaps in."""
    visit = store.greet(request)
    order = await _enter(store, visit, number)
    if isinstance(order, Response):
        return order
    if not visit.is_htmx:
        return store.go(visit, f"{order_url(number)}/pay")
    text = visit.query.get("asked", "0")
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    visit.is_partial = True
    return await pay_page(store, visit, order, asked=asked, is_asking=asked <= ASKING_POLLS)


@post("/orders/{number:str}/pay")
async def pay(request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]) -> Page:
    """Pay (again), perhaps another way. A second press joins the first."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    order = await _enter(store, visit, number)
    if isinstance(order, Response):
        return order
    typed = form.get("phone", "").strip()[:_MAX_PHONE]
    phone = judge_phone(order.shipping_address.country, typed) if typed else None
    if phone is not None and phone.fault is not None:
        return await pay_page(store, visit, order, wrong_phone=typed, status=422)
    try:
        placed = await retry_payment(
            store.checkout,
            order_id=order.id,
            provider=form.get("provider", ""),
            phone=None if phone is None else phone.number,
            is_again="again" in form or phone is not None,
        )
    except InsufficientStock as refusal:
        async with store.open(visit) as connection:
            opened = await order_access.read(connection, order)
        short = order_shortages(opened.lines, refusal.shortages)
        return await pay_page(store, visit, order, shortages=short, status=409)
    except PaymentInProgress:
        return await pay_page(store, visit, order, is_asking=True, status=409)
    except OrderNotPayable:
        return store.go(visit, f"{order_url(number)}/pay")
    except (ProviderUnknown, CurrencyNotSupported, AmountNotSupported):
        return await pay_page(store, visit, order, status=422)
    payment = placed.payment
    if payment is not None and isinstance(payment.next_action, Redirect):
        return store.go(visit, payment.next_action.url)
    return store.go(visit, f"{order_url(number)}/pay")


@post("/orders/{number:str}/pay/return")
async def come_back(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """A provider's page sends the browser back by POST: without our cookies, and with proof.

    Proof has the payment read now; nothing else of the form is used, and without proof nobody is
    asked. All are sent on alike, by GET, with which the cookie comes that opens the order, or the
    token of the address; no cookie is set here, for it would take the place of the browser's own.
    """
    visit = store.greet(request)
    fields = await store.read_fields(request, visit)
    visit.cookies.clear()
    payment = await _find_proven(store, number, fields)
    if payment is not None:
        try:
            await verify_payment(store.checkout, payment_id=payment.id)
        except Busy:
            log.info("payment_not_verified", payment=str(payment.id))
    token = visit.query.get("token")
    opens = "" if token is None else f"?{urlencode({'token': token})}"
    return store.go(visit, f"{order_url(number)}/pay{opens}")


async def _find_proven(store: Store, number: str, fields: Mapping[str, str]) -> Payment | None:
    """The open payment of an order that its provider's own mark is over."""
    providers = store.checkout.context.providers
    async with store.db.connection() as connection:
        order = None
        if order_access.NUMBER(number):
            order = await orders.find_order_by_number(connection, number=number)
        if order is None:
            return None
        found = await payments.list_payments(connection, order_ids=[order.id])
    for payment in found:
        provider = providers.find_remote(payment.provider)
        if (
            provider is not None
            and provider.capabilities.has_signed_return
            and payment.provider_payment_id is not None
            and provider.verify_return(
                payment.provider_payment_id, payment.merchant_reference, fields
            )
        ):
            return payment
    return None


@post("/orders/{number:str}/extend")
async def extend(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """More time, as often as the store allows; the same button pressed twice counts once."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    order = await _enter(store, visit, number)
    if isinstance(order, Response):
        return order
    try:
        await extend_reservation(
            store.checkout, order_id=order.id, keep=_keep(store, order, form.get("left", ""))
        )
    except (HoldOver, ExtensionRefused, OrderNotPayable):
        return await pay_page(store, visit, order, status=409)
    return store.go(visit, f"{order_url(number)}/pay")


def _keep(store: Store, order: Order, left: str) -> Keep | None:
    """The key of a press: how many extensions its page said were left, if it said so."""
    if not (left.isascii() and left.isdigit() and len(left) <= 3):
        return None
    return Keep(EXTENSIONS, f"{order.id}:page:{left}", b"", store.checkout.context.render)


async def _enter(store: Store, visit: Visit, number: str) -> Page | Order:
    async with store.open(visit) as connection:
        return await order_access.enter(store, visit, connection, number)


async def pay_page(
    store: Store,
    visit: Visit,
    order: Order,
    *,
    asked: int = 0,
    is_asking: bool = False,
    shortages: tuple[Shortage, ...] = (),
    wrong_phone: str = "",
    status: int = 200,
) -> Page:
    """The page as the facts stand, or the order's own page once nothing is left to pay."""
    opened = await _read(store, visit, order)
    if is_asking and await _ask(store, opened):
        opened = await _read(store, visit, order)
    if opened.order.status in AFTER_PAYMENT:
        return _leave(store, visit, order_url(order.number))
    view = pay_view(store, visit, opened, asked=asked)
    if view.form is not None and visit.is_partial:
        # The page that asked may not load the service's script: its policy is another.
        return _leave(store, visit, view.pay_url)
    if view.state is PayState.BANK_TRANSFER:
        view = msgspec.structs.replace(view, proofs=await _count_proofs(store, opened))
    if wrong_phone:
        fault = phone_words(order.shipping_address.country)
        view = msgspec.structs.replace(view, phone=wrong_phone, phone_fault=fault)
    if view.state is PayState.HOLD_ENDED:
        short = shortages or await _find_short(store, visit, opened)
        view = _with_shortages(view, short)
    return store.page(
        visit,
        "store/pay.html",
        view,
        block="payment",
        status=status,
        path=f"{order_url(order.number)}/pay",
        cache=NO_STORE,
        headers=store.script_headers if view.form is not None else None,
    )


async def _count_proofs(store: Store, opened: Opened) -> int:
    payment = opened.standing.latest
    assert payment is not None
    async with store.db.connection() as connection:
        return len(await list_proofs(connection, payment_id=payment.id))


def _leave(store: Store, visit: Visit, url: str) -> Page:
    """Go elsewhere; a swapped fragment has to be told in htmx's own way."""
    if visit.is_partial:
        headers = {"hx-redirect": url}
        return store.answer(visit, "", cache=NO_STORE, headers=headers)
    return store.go(visit, url)


async def _read(store: Store, visit: Visit, order: Order) -> Opened:
    async with store.open(visit) as connection:
        return await order_access.read(connection, order)


async def _ask(store: Store, opened: Opened) -> bool:
    """Read the payment from its provider, if that may say more; whether anything was asked."""
    payment = opened.standing.latest
    providers = store.checkout.context.providers
    if (
        payment is None
        or payment.state not in _OPEN
        or payment.review_reason is not None
        or providers.find_remote(payment.provider) is None
    ):
        return False
    try:
        await verify_payment(store.checkout, payment_id=payment.id)
    except Busy:
        # The page then says what we know; the webhook and the worker settle it.
        log.info("payment_not_verified", payment=str(payment.id))
        return False
    return True


async def _find_short(store: Store, visit: Visit, opened: Opened) -> tuple[Shortage, ...]:
    """What of an order whose hold ended is not there any more."""
    wanted = [line.variant_id for line in opened.lines]
    async with store.open(visit) as connection:
        left = await inventory.available(connection, wanted)
    # What is held for this very order comes back to it.
    for row in opened.reservations:
        if row.ended_at is None and row.variant_id in left:
            left[row.variant_id] += row.quantity
    return order_shortages(
        opened.lines,
        [
            StockShortage(line.variant_id, line.quantity, max(left[line.variant_id], 0))
            for line in opened.lines
            if left[line.variant_id] < line.quantity
        ],
    )


def pay_view(store: Store, visit: Visit, opened: Opened, *, asked: int) -> PayView:
    """The page's view, from what is recorded. Reads nothing."""
    order, payment = opened.order, opened.standing.latest
    state = decide(opened.standing)
    form = None
    if state is PayState.FORM:
        form = find_form(store, order, payment, visit.locale.partition("-")[0])
        state = state if form is not None else PayState.ELSEWHERE
    methods = payment_choices(store.checkout.context.providers, currency=order.currency)
    used = order.provider if payment is None else payment.provider
    remote = store.checkout.context.providers.find_remote(used)
    is_retry_allowed = may_retry(state) or (
        state is PayState.PROVIDER_DOWN
        and (payment is None or payment.state is PaymentState.FAILED)
    )
    if state in _PAID_ELSEWHERE:
        methods = tuple(choice for choice in methods if choice.code != used)
    title, reason = describe_decline(payment)
    url = order_url(order.number)
    return PayView(
        state=state,
        number=order.number,
        buyer_name=order.shipping_address.name,
        email=order.email,
        amount=MoneyView(_asked_minor(order, payment), order.currency),
        summary=order_summary(
            store,
            order,
            opened.lines,
            payments=opened.payments,
            cards=opened.cards,
            backorders=opened.backorders,
        ),
        pay_url=f"{url}/pay",
        status_url=f"{url}/pay/status",
        order_url=url,
        idempotency_key=str(uuid.uuid4()),
        is_retry_allowed=is_retry_allowed,
        methods=methods,
        selected=used,
        hold=hold_view(store, opened),
        poll=_poll(url, state, is_retry_allowed=is_retry_allowed, asked=asked),
        continue_url=_continue_url(payment),
        continue_fields=_continue_fields(payment),
        form=form,
        phone_hint=_phone_hint(payment),
        can_send_again=payment is not None and opened.now - payment.created_at >= SENT_AGAIN_AFTER,
        takes_phone=remote is not None and remote.capabilities.asks_phone,
        transfer=transfer_lines(payment, order, visit.locale),
        transfer_code=transfer_code(payment) if state is PayState.BANK_TRANSFER else "",
        is_code_whole=has_whole_code(payment),
        proof_url=f"{url}/pay/proof" if state is PayState.BANK_TRANSFER else None,
        is_transfer_refused=is_refused_transfer(payment),
        decline_reason=reason,
        decline_title=title,
        refund_reference=_refund_reference(opened),
        answer_by=_answer_by(opened),
        is_suspected=any(row.is_suspected for row in opened.payments),
        arrival=destinations.arrival(
            order.shipping_address.country, opened.now.date(), visit.locale
        ),
        address=address_lines(order.shipping_address, visit.locale),
        retry_seconds=None if is_retry_allowed else poll_after(asked),
    )


def hold_view(store: Store, opened: Opened) -> HoldView | None:
    """How long the items are held, by the database's clock."""
    until = opened.standing.reserved_until
    if until is None:
        return None
    order, settings = opened.order, opened.settings
    payment = opened.standing.latest
    name = order.provider if payment is None else payment.provider
    try:
        kind = store.checkout.context.providers.get(name).capabilities.hold_kind
    except ProviderUnknown:
        return HoldView(reserved_until=until, seconds_left=_seconds(until - opened.now))
    time = hold_time(kind, settings)
    left = max(settings.extensions_max - order.extensions_used, 0)
    is_short = until - opened.now < _SHOWN_UNTIL
    return HoldView(
        reserved_until=until,
        seconds_left=_seconds(until - opened.now),
        extend_url=f"{order_url(order.number)}/extend" if is_short and left else None,
        extensions_left=left,
        extension_minutes=time // timedelta(minutes=1),
    )


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def _poll(url: str, state: PayState, *, is_retry_allowed: bool, asked: int) -> PollView | None:
    is_waiting = state in (
        PayState.PENDING,
        PayState.UNKNOWN,
        PayState.PHONE_PROMPT,
        PayState.ELSEWHERE,
    )
    if not is_waiting and not (state is PayState.PROVIDER_DOWN and not is_retry_allowed):
        return None
    return PollView(f"{url}/pay/status?asked={asked + 1}", poll_after(asked))


def _continue_url(payment: Payment | None) -> str | None:
    if payment is None or not isinstance(payment.next_action, Redirect | PostForm):
        return None
    return quote(payment.next_action.url, safe="/:?#[]@!$&'()*+,;=%~-._")


def _continue_fields(payment: Payment | None) -> tuple[tuple[str, str], ...]:
    """What the provider's page wants by POST; nothing where a link is enough."""
    if payment is None or not isinstance(payment.next_action, PostForm):
        return ()
    return payment.next_action.fields


def _phone_hint(payment: Payment | None) -> str | None:
    """The end of the number that was asked: enough for its owner, too little for others."""
    if payment is None or not isinstance(payment.next_action, PushPrompt):
        return None
    return f"··· {payment.next_action.phone[-4:]}"


def _asked_minor(order: Order, payment: Payment | None) -> int:
    """What the payment that the page is about asks for; what gift cards pay in full, all."""
    is_money = payment is not None and payment.gift_card_id is None
    return payment.requested_minor if payment is not None and is_money else order.due_minor


def _answer_by(opened: Opened) -> datetime | None:
    held = [row for row in opened.payments if row.review_reason is not None]
    return held[-1].updated_at + REVIEW_WITHIN if held else None


def _refund_reference(opened: Opened) -> str | None:
    if not opened.refunds:
        return None
    refund = opened.refunds[-1]
    return refund.provider_refund_id or merchant_reference(refund.id)


def _with_shortages(view: PayView, short: tuple[Shortage, ...]) -> PayView:
    """An order is held whole or not at all: with something gone, the cart has the rest."""
    if not short:
        return view
    return msgspec.structs.replace(view, shortages=short, is_retry_allowed=False)
