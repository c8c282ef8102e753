"""Paying by transfer: what to type into one's bank, a code that does it, and showing a proof."""

from __future__ import annotations

from typing import Final

import segno
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.model import BUYER
from surehold.kernel.money import to_major
from surehold.orders.model import Order
from surehold.orders.photos.errors import PhotoTooLarge
from surehold.orders.transfers.commands import show_proof
from surehold.orders.transfers.errors import ProofNotReadable, ProofsFull, TransferNotAwaited
from surehold.payments import queries as payments
from surehold.payments.model import Instructions, Payment, find_main
from surehold.web.format import format_money
from surehold.web.storefront import order_access
from surehold.web.storefront.order_access import order_url
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.uploads import read_upload
from surehold.web.storefront.views import BannerView, CopyLine
from surehold.web.storefront.visit import StoreRequest
from surehold.web.translations import gettext, gettext_noop, ngettext

#: What a bank account's lines are called: the settings' own words.
_LABELS: Final = (
    gettext_noop("Account holder"),
    gettext_noop("Account number"),
    gettext_noop("IBAN"),
    gettext_noop("BIC"),
    gettext_noop("Bank"),
)


@post("/orders/{number:str}/pay/proof")
async def prove(
    request: StoreRequest, store: NamedDependency[Store], number: FromPath[str]
) -> Page:
    """Keep a file that shows the transfer; staff look at it. The same one twice is one."""
    visit = store.greet(request)
    upload = await read_upload(request, visit, name="proof")
    async with store.open(visit) as connection:
        order = await order_access.enter(store, visit, connection, number)
        if isinstance(order, Response):
            return order
        found = await payments.list_payments(connection, order_ids=[order.id])
    payment = find_main(found)
    if payment is None:
        return store.go(visit, f"{order_url(number)}/pay")
    try:
        await show_proof(store.db, payment_id=payment.id, raw=upload.raw, actor=BUYER.name)
    except (ProofNotReadable, PhotoTooLarge):
        banner = BannerView(
            tone="bad",
            title=gettext("This file could not be read"),
            text=gettext("Choose a picture or a PDF of at most 8 MB. Nothing was kept."),
        )
    except ProofsFull:
        banner = BannerView(tone="warn", title=gettext("We have as many files as we can take"))
    except TransferNotAwaited:
        banner = BannerView(
            tone="info", title=gettext("We do not wait for this transfer any more")
        )
    else:
        text = ngettext(
            "We look at it together with our account. The order is paid when the money is here.",
            "We look at them together with our account. The order is paid when the money is here.",
            1,
        )
        banner = BannerView(tone="ok", title=gettext("We have your proof"), text=text)
    visit.leave_notice(banner)
    return store.go(visit, f"{order_url(number)}/pay")


def transfer_lines(payment: Payment | None, order: Order, locale: str) -> tuple[CopyLine, ...]:
    """What to type into one's bank: account, amount and reference."""
    if payment is None or not isinstance(payment.next_action, Instructions):
        return ()
    amount = format_money(payment.requested_minor, order.currency, locale)
    reference = payment.next_action.reference
    lines = [
        CopyLine(gettext(label), value, value.replace(" ", "") if label == "IBAN" else value)
        for label, value in payment.next_action.lines
    ]
    plain = f"{to_major(payment.requested):f}"
    return (
        *lines,
        CopyLine(gettext("Amount"), amount, plain),
        CopyLine(gettext("Reference"), reference, reference),
    )


def has_whole_code(payment: Payment | None) -> bool:
    """Whether the drawing has the whole transfer, and not its reference alone."""
    action = None if payment is None else payment.next_action
    return isinstance(action, Instructions) and action.qr_text is not None


def transfer_code(payment: Payment | None) -> str:
    """A drawing that a bank's program reads: the whole transfer in euros, else its reference.

    Black on white in either theme, for cameras; it comes with its quiet zone.

    Source: EPC069-12, Quick Response Code: Guidelines to Enable Data Capture (level M).
    """
    if payment is None or not isinstance(payment.next_action, Instructions):
        return ""
    action = payment.next_action
    code = segno.make(action.qr_text or action.reference, error="m", micro=False)
    return str(code.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True))
