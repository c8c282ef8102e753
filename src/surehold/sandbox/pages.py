"""The hosted page: what a buyer sees. Server-rendered, no script, clearly not a real bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import jinja2

from surehold.kernel.money import Money, exponent, to_major
from surehold.sandbox import cards
from surehold.sandbox.bank import Bank
from surehold.sandbox.cards import CardEntry, TestCard
from surehold.sandbox.http import Delivery, Request, Response, Route, see_other
from surehold.sandbox.misbehave import Area
from surehold.sandbox.model import Payment, Refusal

_HERE: Final = Path(__file__).parent
_STYLE: Final = (_HERE / "static" / "page.css").read_bytes()
_FIELDS: Final = ("number", "expiry", "code", "name")
_GROUPS: Final = (
    ("Pays", ("success", "success_other_brand", "challenge", "slow_bank")),
    (
        "Declined",
        (
            "insufficient_funds",
            "do_not_honor",
            "expired_card",
            "lost_card",
            "incorrect_cvc",
            "processing_error",
            "challenge_then_decline",
            "slow_bank_declines",
        ),
    ),
    (
        "Goes wrong",
        (
            "lost_answer",
            "charged_twice",
            "one_short",
            "no_webhook",
            "three_webhooks",
            "late_webhook",
            "refunds_fail",
            "disputes",
        ),
    ),
)


class Pages:
    """The hosted pages of one bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.routes = (
            Route("GET", "/pay/{id}", Area.EXEMPT, self._page(self.show)),
            Route("POST", "/pay/{id}", Area.PAGE, self._page(self.pay)),
            Route("GET", "/pay/{id}/challenge", Area.EXEMPT, self._page(self.show_challenge)),
            Route("POST", "/pay/{id}/challenge", Area.PAGE, self._page(self.answer_challenge)),
            Route("POST", "/pay/{id}/cancel", Area.PAGE, self._page(self.cancel)),
            Route("GET", "/static/page.css", Area.EXEMPT, _style),
        )

    def show(self, _request: Request, payment: Payment) -> Response:
        """The card form, or what became of the session."""
        if payment.state == "requires_action" and payment.is_challenged:
            return see_other(f"/pay/{payment.id}/challenge")
        if payment.state == "requires_action":
            return self._render_form(payment)
        return self._render("done.html", payment, back_url=back_url(payment))

    def pay(self, request: Request, payment: Payment) -> Response:
        """A card, typed or chosen. A session that is over shows what happened."""
        if payment.state != "requires_action" or payment.is_challenged:
            return see_other(f"/pay/{payment.id}")
        form = request.form()
        if "test_card" in form:
            card = cards.find_by_name(form["test_card"])
            faults = {} if card else {"number": "No such test card."}
            entry = CardEntry("", "", "", "")
        else:
            entry = CardEntry(*(form.get(field, "") for field in _FIELDS))
            now = datetime.fromtimestamp(self._bank.now(), UTC)
            card, faults = cards.read(entry, now=now)
        if card is None:
            return self._render_form(payment, entry=entry, faults=faults)
        payment = self._bank.pay(payment, card)
        if payment.is_challenged and payment.state == "requires_action":
            return see_other(f"/pay/{payment.id}/challenge")
        return self._return(payment, card)

    def show_challenge(self, _request: Request, payment: Payment) -> Response:
        if payment.state != "requires_action" or not payment.is_challenged:
            return see_other(f"/pay/{payment.id}")
        return self._render("challenge.html", payment)

    def answer_challenge(self, request: Request, payment: Payment) -> Response:
        if payment.state != "requires_action" or not payment.is_challenged:
            return see_other(f"/pay/{payment.id}")
        answer = request.form().get("answer")
        if answer not in ("approve", "refuse"):
            return self._render("challenge.html", payment, status=422)
        payment = self._bank.answer_challenge(payment, is_approved=answer == "approve")
        return self._return(payment, cards.find_by_name(payment.card))

    def cancel(self, _request: Request, payment: Payment) -> Response:
        if payment.state != "requires_action":
            return see_other(f"/pay/{payment.id}")
        return see_other(back_url(self._bank.cancel(payment)))

    def refused(self, refusal: Refusal) -> Response:
        """A page for somebody who followed a wrong or old address."""
        template = self._templates.get_template("problem.html")
        body = template.render(title="This page is not available", message=refusal.message)
        return _html(body, status=refusal.status)

    def _return(self, payment: Payment, card: TestCard | None) -> Response:
        response = see_other(back_url(payment))
        if card is not None and card.loses_answer:
            return Response(delivery=Delivery.LOST)
        return response

    def _render_form(
        self,
        payment: Payment,
        *,
        entry: CardEntry | None = None,
        faults: dict[str, str] | None = None,
    ) -> Response:
        groups = tuple(
            (title, tuple(card for card in map(cards.find_by_name, names) if card is not None))
            for title, names in _GROUPS
        )
        return self._render(
            "pay.html",
            payment,
            status=422 if faults else 200,
            entry=entry or CardEntry("", "", "", ""),
            faults=faults or {},
            groups=groups,
            minutes_left=max(1, (payment.expires_at - self._bank.now()) // 60),
        )

    def _render(
        self, template: str, payment: Payment, *, status: int = 200, **values: Any
    ) -> Response:
        body = self._templates.get_template(template).render(
            payment=payment,
            amount=format_amount(payment.amount, payment.currency),
            merchant=self._bank.settings.merchant_name,
            **values,
        )
        return _html(body, status=status, forms_lead_to=(payment.return_url, payment.cancel_url))

    def _page(
        self, view: Callable[[Request, Payment], Response]
    ) -> Callable[[Request, dict[str, str]], Response]:
        def handler(request: Request, parameters: dict[str, str]) -> Response:
            with self._bank.book.transaction():
                return view(request, self._bank.get_payment(parameters["id"]))

        return handler


def back_url(payment: Payment) -> str:
    """Where the buyer goes now: the shop's address with our payment id added."""
    url = payment.cancel_url if payment.state == "canceled" else payment.return_url
    parts = urlsplit(url)
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}payment={payment.id}"))


def format_amount(amount: int, currency: str) -> str:
    """An amount for people.

    >>> format_amount(123456, "USD")
    '1,234.56 USD'
    """
    return f"{to_major(Money(amount, currency)):,.{exponent(currency)}f} {currency}"


def _html(body: str, *, status: int, forms_lead_to: tuple[str, ...] = ()) -> Response:
    # Browsers hold redirects after a form to form-action too, so the shop is on the list.
    origins = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in forms_lead_to}
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action " + " ".join(("'self'", *sorted(origins)))
    )
    return Response(
        status=status,
        body=body.encode(),
        content_type="text/html; charset=utf-8",
        headers=(
            ("content-security-policy", policy),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
        ),
    )


def _style(_request: Request, _: dict[str, str]) -> Response:
    return Response(
        body=_STYLE,
        content_type="text/css; charset=utf-8",
        headers=(("cache-control", "max-age=300"), ("x-content-type-options", "nosniff")),
    )
