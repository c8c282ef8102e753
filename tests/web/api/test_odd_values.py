"""L3 and L4 over the API: odd numbers and odd texts in every field of every route that writes.

Each is refused or kept as it came; none is a fault of ours. The values are JSON as it is sent,
because half of them are what no encoder would write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from surehold.db import Database
from surehold.identity.model import AccountKind
from tests.builders.accounts import PASSWORD, a_member, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, NOBODY, STAFF, Answer, Api, a_body, a_key, order_token

#: Whole numbers that are JSON, and far from what anybody orders.
NUMBERS = ("-1", "0", "-0", "2147483648", "9223372036854775808", "-9223372036854775809", "9" * 400)
#: No whole number in any field, however much they look like one.
NO_NUMBERS = (
    *("1e308", "-1e308", "1e999", "NaN", "Infinity", "-Infinity", "1.5", "0x10", "1_000", "+1"),
    *('"1"', '"١"', '"-1"', '"1e3"', '""', "true", "false", "[]", "[1]", "{}", "01"),
)
TEXTS = (
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "<svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "{{1234*4321}}${1234*4321}<%= 1234*4321 %>#{1234*4321}",
    "x\r\nX-Injected: yes",
    "x\nBcc: everybody@example.com",
    "'; DROP TABLE orders; --",
    "../../../../etc/passwd",
    "%00%0a%0d",
    "\u202egnp.exe\u202d",
    "\u2066\u2067\u2068",
    "שלום مرحبا",
    "Z\u0351\u036b\u0343a\u0323\u0353l\u0347g\u0362o",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u2028\u2029\ufeff\u00a0",
    "\ufdd0\uffff",
    "İıſK",
    "\x7f\x1b[31m",
    " ",
    "",
)
#: As JSON: what cannot be stored, what is not a text, and what is too much of one.
ODD_TEXTS = (
    *(json.dumps(text) for text in TEXTS),
    *(json.dumps(text, ensure_ascii=False) for text in TEXTS),
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ud800x"', "null", "7"),
    *('["a"]', '{"a":1}', "true", '"\ud800"', '"\x00"', "'a'", '"a', '"' + "a" * 60_000 + '"'),
)
ENORMOUS = '"' + "a" * 1_000_000 + '"'
_MARK = "@@here@@"
_NONE = ("0", "-0")
#: Where a whole number may be out of the ordinary and still be meant, and which.
MEANT = {
    **dict.fromkeys(
        (
            "amount",
            "amount_minor",
            "fixed_minor",
            "from_value",
            "max_value",
            "position",
            "priority",
            "EUR",
        ),
        NUMBERS,
    ),
    **dict.fromkeys(("country_mismatch", "first_order"), _NONE),
    "expected_total": NUMBERS,
    "delta": ("-1", *_NONE),
    "counted": _NONE,
    "hold_days": _NONE,
    "low_stock_threshold": _NONE,
    "limit": _NONE,
}

#: What staff enter into the price book.
ENTRIES: dict[str, dict[str, Any]] = {
    "prices": {
        "variant_id": "VARIANT",
        "currency": "EUR",
        "amount_minor": 900,
        "min_quantity": 2,
        "starts_at": "2026-01-01T00:00:00Z",
    },
    "tax-rates": {"country": "IE", "rate": "0.23", "tax_class": "books", "region": "D"},
    "shipping-zones": {"name": "A", "countries": ["IE"], "postal_prefixes": ["D01"]},
    "shipping-methods": {
        "zone_id": NOBODY,
        "code": "parcel",
        "name": "Parcel",
        "max_value": 9,
        "position": 1,
        "rates": [{"currency": "EUR", "from_value": 0, "amount_minor": 1}],
    },
    "promotions": {
        "name": "Ten off",
        "effect": "buy_x_get_y",
        "rate": "0.1",
        "buy_quantity": 1,
        "get_quantity": 1,
        "minimums": [{"currency": "EUR", "amount": 1}],
        "priority": 1,
    },
    "coupons": {"promotion_id": NOBODY, "code": "TEN", "limit_total": 1},
}
#: What staff write for a buyer, and what either sends to place it.
DRAFT: dict[str, Any] = {
    "currency": "EUR",
    "lines": [
        {
            "variant_id": "VARIANT",
            "quantity": 1,
            "unit_price": {"amount": 1500, "currency": "EUR"},
            "reason": "as agreed",
        }
    ],
    "email": "mara@example.com",
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "shipping_price": {"amount": 100, "currency": "EUR"},
    "discount": {"amount": 100, "currency": "EUR"},
    "discount_reason": "sorry",
    "note": "called twice",
}
PLACED: dict[str, Any] = {
    "payment_method": {"provider": "bank_transfer"},
    "email": "mara@example.com",
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "version": 2,
    "expected_total": 1500,
}
#: What accounts are asked with; those of ``_BY_ACCOUNT`` by an admin who signed in.
ACCOUNTS: dict[str, tuple[str, str, Any]] = {
    "register": (
        "POST",
        "/auth/register",
        {"email": "new@example.com", "password": PASSWORD, "name": "New"},
    ),
    "verify email": ("POST", "/auth/verify-email", {"token": "of-a-letter"}),
    "confirm email": ("POST", "/auth/confirm-email", {"token": "of-a-letter"}),
    "login": (
        "POST",
        "/auth/login",
        {
            "email": "nobody@example.com",
            "password": "x",
            "code": "492039",
            "device": "d",
            "session": "cookie",
        },
    ),
    "refresh": ("POST", "/auth/refresh", {"refresh_token": "of-a-session"}),
    "forgot": ("POST", "/auth/password/forgot", {"email": "nobody@example.com"}),
    "reset": ("POST", "/auth/password/reset", {"token": "of-a-letter", "password": PASSWORD}),
    "magic link": ("POST", "/auth/magic-link", {"email": "nobody@example.com"}),
    "redeem": ("POST", "/auth/magic-link/redeem", {"token": "of-a-letter", "code": "492039"}),
    "my password": ("PUT", "/me/password", {"current_password": "x", "password": PASSWORD}),
    "my email": ("PUT", "/me/email", {"current_password": "x", "email": "x@example.com"}),
    "totp": ("POST", "/me/totp", {"password": "x"}),
    "confirm totp": ("POST", "/me/totp/confirm", {"code": "492039"}),
    "remove totp": ("POST", "/me/totp/remove", {"password": "x", "code": "492039"}),
    "recovery codes": ("POST", "/me/recovery-codes", {"password": "x"}),
    "api key": (
        "POST",
        "/me/api-keys",
        {"name": "Sync", "scopes": ["staff.read"], "expires_at": "2100-01-01T00:00:00Z"},
    ),
    "my export": ("POST", "/account/export", {"password": "x"}),
    "fetched export": ("POST", "/account/export/fetch", {"token": "of-an-export"}),
    "my erasure": ("POST", "/account/erase", {"password": "x"}),
    "somebody's export": ("POST", "/privacy/exports", {"email": "nobody@example.com"}),
    "somebody's erasure": ("POST", "/privacy/erasures", {"email": "nobody@example.com"}),
    "my address": ("POST", "/me/addresses", {"address": ADDRESS, "is_default": True}),
    "changed address": ("PUT", f"/me/addresses/{NOBODY}", {"address": ADDRESS}),
    "claim": ("POST", "/me/orders/claim", {"order_id": "ORDER", "token": "of-an-order"}),
    "role": (
        "POST",
        "/roles",
        {"code": "night", "name": "Night", "permissions": ["staff.read"]},
    ),
    "changed role": ("PUT", "/roles/night", {"name": "Night", "permissions": ["staff.read"]}),
    "member": (
        "POST",
        "/staff",
        {
            "email": "ines@example.com",
            "name": "Ines",
            "kind": "vendor",
            "roles": ["night"],
            "vendor_id": NOBODY,
        },
    ),
    "member's roles": ("PUT", f"/staff/{NOBODY}/roles", {"roles": ["night"]}),
    "reset member": ("POST", f"/staff/{NOBODY}/reset", {"remove_totp": True}),
}
#: Method, address and body of everything that writes; words in capitals stand for real ids.
ROUTES: dict[str, tuple[str, str, Any]] = {
    "cart": ("POST", "/cart", {"variant_id": "VARIANT", "quantity": 1, "currency": "EUR"}),
    "line": ("PUT", "/cart/items/LINE", {"quantity": 2}),
    "validate": ("POST", "/cart/validate", {}),
    "quote": (
        "POST",
        "/checkout/quote",
        {
            "lines": [{"variant_id": "VARIANT", "quantity": 1}],
            "currency": "EUR",
            "shipping_method": "standard",
            "shipping_address": {**ADDRESS, "region": "Co. Galway"},
            "gift_cards": [{"code": "7K4M-92QX-7K4M-92QX-7K4M", "amount": 1}],
            "email": None,
        },
    ),
    "checkout": (
        "POST",
        "/checkout",
        a_body(
            billing_address={
                **ADDRESS,
                "line2": "Flat 2",
                "phone": "+353 91 123 456",
                "company": "Quinn",
            },
            lines=[{"variant_id": "VARIANT", "quantity": 1}],
            expected_total={"amount": 2489, "currency": "EUR"},
            expected_to_pay=2489,
            coupon=None,
            quote_id=None,
        ),
    ),
    "intent": (
        "POST",
        "/payments/create-intent",
        {"order_id": "ORDER", "payment_method": {"provider": "bank_transfer"}},
    ),
    "retry": (
        "POST",
        "/orders/ORDER/retry-payment",
        {"payment_method": {"provider": "bank_transfer"}, "phone": "+251911234567"},
    ),
    "extend": ("POST", "/orders/ORDER/extend-reservation", {}),
    "verify": ("POST", "/payments/PAYMENT/verify", {}),
    "reserve": (
        "POST",
        "/inventory/reserve",
        {"lines": [{"variant_id": "VARIANT", "quantity": 1}], "ttl_seconds": 60},
    ),
    "location": (
        "POST",
        "/inventory/locations",
        {
            "code": "annex",
            "name": "Annex",
            "country": "IE",
            "priority": 5,
            "region": "Connacht",
            "postal_code": "H91",
            "is_active": True,
            "ships_to": ["IE"],
        },
    ),
    "change location": (
        "PUT",
        "/inventory/locations/LOCATION",
        {"code": "north", "name": "North", "country": "IE", "version": 1},
    ),
    "adjust": (
        "PATCH",
        "/inventory/VARIANT",
        {
            "location": "main",
            "delta": 1,
            "reason": "correction",
            "note": "found",
            "low_stock_threshold": 3,
        },
    ),
    "backorders": (
        "PUT",
        "/inventory/VARIANT/backorders",
        {
            "policy": "backorder",
            "limits": [{"location": "main", "limit": 3}],
            "promised_on": "2100-12-12",
            "note": "from Osaka",
        },
    ),
    "transfer": (
        "POST",
        "/inventory/transfers",
        {
            "from_location": "main",
            "to_location": "north",
            "lines": [{"variant_id": "VARIANT", "quantity": 1}],
            "note": "by van",
        },
    ),
    "receive": (
        "POST",
        "/inventory/transfers/MOVING/receive",
        {"lines": [{"variant_id": "VARIANT", "quantity": 1}]},
    ),
    "count": (
        "POST",
        "/inventory/counts",
        {"location": "main", "variant_ids": ["VARIANT"], "note": "yearly"},
    ),
    "counted": (
        "PUT",
        "/inventory/counts/COUNT/lines",
        {"lines": [{"variant_id": "VARIANT", "counted": 3}]},
    ),
    "confirm": (
        "POST",
        "/payments/PAYMENT/confirm",
        {"received": {"amount": 2489, "currency": "EUR"}},
    ),
    "collect": (
        "POST",
        "/payments/PAYMENT/collect",
        {"received": {"amount": 2489, "currency": "EUR"}, "collected_by": "Abebe"},
    ),
    "refuse at the door": ("POST", "/payments/PAYMENT/refuse", {"reason": "not at home"}),
    "reject": ("POST", "/payments/PAYMENT/reject", {"reason": "of another order"}),
    "fraud settings": (
        "PUT",
        "/fraud/settings",
        {
            "is_on": True,
            "hold_at": 60,
            "weights": {"country_mismatch": 40, "first_order": 5},
            "declines": 2,
            "large_amounts": {"EUR": 50_000},
        },
    ),
    "answer dispute": ("POST", f"/disputes/{NOBODY}/answer", {"evidence": "Signed for"}),
    "accept dispute": ("POST", f"/disputes/{NOBODY}/accept", {}),
    "record dispute": (
        "POST",
        "/payments/PAYMENT/disputes",
        {
            "provider_dispute_id": "CB-1",
            "amount": {"amount": 2489, "currency": "EUR"},
            "state": "needs_response",
            "reason": "Not received",
            "respond_by": "2026-12-01T00:00:00Z",
            "fee": 15,
        },
    ),
    "capture payment": ("POST", "/payments/PAYMENT/capture", {}),
    "review payment": (
        "POST",
        "/payments/PAYMENT/review",
        {"decision": "accept", "note": "looked at"},
    ),
    "deposit cash": (
        "POST",
        "/payments/cash/deposits",
        {
            "payment_ids": ["PAYMENT"],
            "counted": {"amount": 2489, "currency": "EUR"},
            "reference": "R-1",
        },
    ),
    "resolve a difference": (
        "POST",
        f"/reconciliation/differences/{NOBODY}/resolve",
        {"note": "seen"},
    ),
    "commission": (
        "POST",
        "/commission-rules",
        {"rate": "0.1", "fixed_minor": 30, "currency": "EUR"},
    ),
    "propose payouts": (
        "POST",
        "/vendor-payouts",
        {"minimum": {"amount": 100, "currency": "EUR"}, "hold_days": 7},
    ),
    "pay payouts": ("POST", f"/vendor-payouts/{NOBODY}/pay", {"bank_reference": "B-1"}),
    "coupon": ("PUT", "/cart/coupon", {"code": "SPRING-10"}),
    "open parcel": (
        "POST",
        "/orders/ORDER/fulfillments",
        {"lines": [{"line_id": NOBODY, "quantity": 1}], "location_id": "LOCATION"},
    ),
    "ship": (
        "POST",
        f"/fulfillments/{NOBODY}/ship",
        {"carrier": "dhl", "tracking_number": "JD014600006281230704"},
    ),
    "tracking": (
        "PUT",
        f"/fulfillments/{NOBODY}/tracking",
        {"carrier": "dhl", "tracking_number": "JD014600006281230704"},
    ),
    **{
        f"parcel {verb}": ("POST", f"/fulfillments/{NOBODY}/{verb}", {"reason": "as agreed"})
        for verb in ("pack", "in-transit", "deliver", "cancel", "lose", "return-to-sender")
    },
    "status": (
        "PUT",
        "/orders/ORDER/status",
        {"status": "confirmed", "reason": "as agreed", "carrier": "dhl", "tracking_number": "1Z"},
    ),
    "note": ("POST", "/orders/ORDER/notes", {"text": "Rang the bell.", "is_visible": True}),
    "bulk": (
        "POST",
        "/orders/bulk",
        {"action": "confirm", "order_ids": ["ORDER"], "reason": "as agreed", "carrier": None},
    ),
    "merge": ("POST", "/cart/merge", {"token": "of-another-cart"}),
    "contact": ("PUT", "/cart/contact", {"email": "mara@example.com"}),
    "restore": ("POST", "/cart/restore", {"token": "of-a-link"}),
    "refuse": ("POST", "/cart/refuse-reminders", {"token": "of-a-link"}),
    "wish": ("POST", "/wishlist", {"variant_id": "VARIANT"}),
    "move wish": (
        "POST",
        "/wishlist/items/VARIANT/move-to-cart",
        {"quantity": 1, "currency": "EUR"},
    ),
    "document": (
        "POST",
        "/orders/ORDER/documents",
        {"kind": "credit_note", "refund_id": NOBODY, "language": "de"},
    ),
    **{
        f"{method.lower()}-{path}": (method, f"/pricing/{path}{end}", body)
        for path, body in ENTRIES.items()
        for method, end in (("POST", ""), ("PUT", f"/{NOBODY}"))
    },
    "cancel": (
        "POST",
        "/orders/ORDER/cancel",
        {"lines": [{"line_id": "ITEM", "quantity": 1}]},
    ),
    "refund": (
        "POST",
        "/orders/ORDER/refunds",
        {
            "lines": [{"line_id": "ITEM", "quantity": 1}],
            "shipping": True,
            "reason": "Broken",
            "internal_reason": "In the warehouse",
            "restock": True,
        },
    ),
    "refund of a payment": (
        "POST",
        "/payments/PAYMENT/refunds",
        {"amount": {"amount": 1, "currency": "EUR"}, "reason": "Sorry"},
    ),
    "preview": (
        "POST",
        "/orders/ORDER/refunds/preview",
        {"lines": [{"line_id": "ITEM", "quantity": 1}]},
    ),
    "change preview": (
        "POST",
        "/orders/ORDER/changes/preview",
        {
            "give_up": [{"line_id": "ITEM", "quantity": 1}],
            "add": [{"variant_id": "VARIANT", "quantity": 1}],
            "payment_method": {"provider": "bank_transfer"},
            "vat_id": "DE129273398",
            "expected_difference": {"amount": 0, "currency": "EUR"},
        },
    ),
    "change": (
        "POST",
        "/orders/ORDER/changes",
        {"add": [{"variant_id": "VARIANT", "quantity": 1}], "reason": "One more"},
    ),
    "exchange": (
        "POST",
        "/orders/ORDER/returns/ORDER/exchange",
        {"add": [{"variant_id": "VARIANT", "quantity": 1}], "vat_id": "DE129273398"},
    ),
    "canceled change": ("POST", "/orders/ORDER/changes/ORDER/cancel", {}),
    "return": (
        "POST",
        "/orders/ORDER/returns",
        {
            "lines": [{"line_id": "ITEM", "quantity": 1, "reason": "other", "note": "Too big"}],
            "note": "A size smaller would do",
        },
    ),
    "approved return": ("POST", "/orders/ORDER/returns/ORDER/approve", {"answer": "Send it"}),
    "rejected return": ("POST", "/orders/ORDER/returns/ORDER/reject", {"answer": "Too late"}),
    "sent return": ("POST", "/orders/ORDER/returns/ORDER/send", {}),
    "canceled return": ("POST", "/orders/ORDER/returns/ORDER/cancel", {}),
    "received return": (
        "POST",
        "/orders/ORDER/returns/ORDER/receive",
        {"lines": [{"line_id": "ITEM", "quantity": 1}]},
    ),
    "inspected return": (
        "POST",
        "/orders/ORDER/returns/ORDER/inspect",
        {"lines": [{"line_id": "ITEM", "sellable": 1, "damaged": 1, "location_id": "ITEM"}]},
    ),
    "completed return": (
        "POST",
        "/orders/ORDER/returns/ORDER/complete",
        {"shipping": True, "reason": "Your return"},
    ),
    "variant": ("PATCH", "/variants/VARIANT", {"tax_class": "books"}),
    "draft": ("POST", "/draft-orders", DRAFT),
    "changed draft": ("PUT", "/draft-orders/DRAFT", {**DRAFT, "version": 1}),
    "sent draft": ("POST", "/draft-orders/DRAFT/send", {}),
    "canceled draft": ("POST", "/draft-orders/DRAFT/cancel", {}),
    "placed draft": ("POST", "/draft-orders/DRAFT/place", PLACED),
    "draft by link": ("POST", "/draft-orders/by-token/place", PLACED),
    "gift card": (
        "POST",
        "/gift-cards",
        {
            "amount": {"amount": 1, "currency": "EUR"},
            "reason": "Sorry",
            "kind": "gift_card",
            "email": "mara@example.com",
            "expires_at": "2099-01-01T00:00:00Z",
        },
    ),
    "adjusted card": ("POST", f"/gift-cards/{NOBODY}/adjust", {"delta": 1, "reason": "Sorry"}),
    "disabled card": ("POST", f"/gift-cards/{NOBODY}/disable", {}),
    "balance": ("POST", "/gift-cards/balance", {"code": "7K4M-92QX-7K4M-92QX-7K4M"}),
    "retried refund": ("POST", "/orders/ORDER/refunds/ORDER/retry", {}),
    "confirmed refund": ("POST", "/orders/ORDER/refunds/ORDER/confirm", {}),
    "review": (
        "POST",
        "/products/SLUG/reviews",
        {"stars": 4, "title": "Bright", "body": "It is.", "author": "Mara"},
    ),
    "rejected review": ("POST", f"/reviews/{NOBODY}/reject", {"reason": "It names a person"}),
    **ACCOUNTS,
}


#: What one may do with an account, and not with the staff's secret.
_BY_ACCOUNT: Final = re.compile("/(?:me|staff|roles|account|privacy|products/[^/]+/reviews)")


class Asking:
    """Sends the body of a route with one thing in it changed."""

    def __init__(
        self,
        api: Api,
        names: dict[str, str],
        headers: dict[str, str],
        admin: dict[str, str],
    ) -> None:
        self._api = api
        self._names = names
        self._headers = headers
        self._admin = admin

    async def __call__(self, route: str, path: tuple[Any, ...], value: str) -> Answer:
        method, address, body = ROUTES[route]
        text = json.dumps(_replaced(body, path, _MARK)).replace(f'"{_MARK}"', value)
        for name, found in self._names.items():
            text, address = text.replace(name, found), address.replace(name, found)
        answer = await self._api(
            method,
            address,
            content=text.encode("utf-8", "surrogatepass"),
            headers={
                "Content-Type": "application/json",
                **self._headers,
                **(self._admin if _BY_ACCOUNT.match(address) else {}),
                **a_key(),
            },
        )
        assert answer.status < 500, (route, path, value[:200], answer.raw)
        if answer.status >= 400:
            assert answer.code
        return answer


def _replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(body, list):
        return [*body[:first], _replaced(body[first], tuple(rest), value), *body[first + 1 :]]
    return {**body, first: _replaced(body[first], tuple(rest), value)}


def _places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place in a body, the body itself too, and what is there."""
    yield at, body
    if isinstance(body, (dict, list)):
        for name, item in body.items() if isinstance(body, dict) else enumerate(body):
            yield from _places(item, (*at, name))


@pytest.fixture
async def asking(api: Api, db: Database) -> Asking:
    """A store with one of everything, asked as staff who hold every token."""
    lamp = await a_product(db, price=1999, on_hand=1_000_000)
    cart = await api.post("/cart", {"variant_id": str(lamp.variant_id), "currency": "EUR"})
    placed = await api.buy(lamp.variant_id)
    units = [{"variant_id": str(lamp.variant_id), "quantity": 999}]
    staff = {**STAFF, **a_key()}
    north = await api.post(
        "/inventory/locations", {"code": "north", "name": "North", "country": "IE"}, headers=STAFF
    )
    moving = await api.post(
        "/inventory/transfers",
        {"from_location": "main", "to_location": "north", "lines": units},
        headers=staff,
    )
    moving_id = moving.body["transfer"]["id"]
    await api.post(f"/inventory/transfers/{moving_id}/dispatch", headers=STAFF)
    count = await api.post("/inventory/counts", {"location": "main"}, headers=staff)
    drafted = {"currency": "EUR", "lines": [{**units[0], "quantity": 1}]}
    draft = await api.post("/draft-orders", drafted, headers={**STAFF, **a_key()})
    sent = await api.post(f"/draft-orders/{draft.body['id']}/send", headers=STAFF)
    names = {
        "DRAFT": draft.body["id"],
        "VARIANT": str(lamp.variant_id),
        "SLUG": lamp.slug,
        "LOCATION": north.body["id"],
        "MOVING": moving_id,
        "COUNT": count.body["count"]["id"],
        "LINE": cart.body["items"][0]["id"],
        "ORDER": placed["order"]["id"],
        "PAYMENT": placed["payment"]["id"],
        "ITEM": placed["order"]["lines"][0]["id"],
    }
    tokens = {
        "X-Cart-Token": cart.body["token"],
        "X-Draft-Token": sent.body["token"],
        **order_token(placed),
    }
    identity = an_identity(db)
    await a_member(identity, "ada@example.com", kind=AccountKind.ADMIN)
    admin = await sign_in(identity, "ada@example.com")
    return Asking(
        api, names, {**STAFF, **tokens}, {"Authorization": f"Bearer {admin.access_token}"}
    )


def test_the_list_of_routes_is_whole(api: Api) -> None:
    from surehold.web.openapi import JSON, routes_of

    writing = {
        (method, path)
        for path, method, said in routes_of(api.application.router)
        if method in {"POST", "PUT", "PATCH"} and path.startswith("/api/") and said and said.body
        if said.body_type == JSON
    }

    assert len(writing) == len(ROUTES)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in ACCOUNTS])
async def test_L3_L4_odd_values_are_refused_meant_or_kept(asking: Asking, route: str) -> None:
    await ask_odd_numbers(asking, route)
    await ask_odd_texts(asking, route)


async def test_L3_L4_odd_values_about_accounts(asking: Asking) -> None:
    # One store for all of them: what one leaves behind is in no other's way. Their fields are
    # alike, so they share the values out.
    for turn, route in enumerate(ACCOUNTS):
        for place, (path, _) in enumerate(_places(ROUTES[route][2])):
            for value in (*NUMBERS, *NO_NUMBERS, *ODD_TEXTS)[(turn + place) % 5 :: 5]:
                await asking(route, path, value)
        enormous = await asking(route, path, ENORMOUS)

        assert enormous.status in {400, 413, 422}, (route, enormous.status)


async def ask_odd_numbers(asking: Asking, route: str) -> None:
    for turn, (path, before) in enumerate(_places(ROUTES[route][2])):
        # A whole number meets every value; other places share them out.
        step = 1 if type(before) is int else 7
        for value in (*NUMBERS, *NO_NUMBERS)[turn % step :: step]:
            answer = await asking(route, path, value)
            if type(before) is int and answer.status < 400:
                # An amount may be anything that a bigint holds; a quantity may not.
                assert path[-1] in MEANT, (path, value, answer.raw)
                assert value in MEANT[path[-1]], (path, value, answer.raw)


async def ask_odd_texts(asking: Asking, route: str) -> None:
    # Texts are read by the same few types everywhere: the places of a route share the values out,
    # and each route begins elsewhere.
    begin = sum(route.encode())
    for turn, (path, before) in enumerate(_places(ROUTES[route][2]), begin):
        step = 3 if isinstance(before, str) else 7
        for value in ODD_TEXTS[turn % step :: step]:
            await asking(route, path, value)
    answer = await asking(route, path, ENORMOUS)

    assert answer.status in {400, 413, 422}, (path, answer.status)


FREE = ("name", "line1", "line2", "city", "region", "postal_code", "phone", "company")
OF_THE_COUNTRY = ("region", "postal_code", "phone")


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
async def test_L4_a_text_that_is_kept_is_kept_exactly(api: Api, db: Database, text: str) -> None:
    lamp = await a_product(db, on_hand=50)
    kept = 0
    for name in FREE:
        address = {**ADDRESS, name: text}
        answer = await api.post(
            "/checkout", a_body(lamp.variant_id, shipping_address=address), headers=a_key()
        )
        if answer.status != 201:
            assert answer.faults == {
                (f"/shipping_address/{name}", code) for _, code in answer.faults
            }
            continue
        order = answer.body["order"]
        read = await api.get(f"/orders/{order['id']}", headers=order_token(answer.body))
        # A region, postal code or number of nothing but spaces is none.
        wanted = None if name in OF_THE_COUNTRY and not text.strip() else text
        assert order["shipping_address"].get(name) == wanted
        assert read.body["shipping_address"].get(name) == wanted
        assert "x-injected" not in answer.headers
        kept += 1

    # One line of text is kept in all fields that are long enough; control characters in none.
    has_control = any(ord(letter) < 32 or ord(letter) == 127 for letter in text)
    assert (kept == 0) == has_control


@pytest.mark.parametrize(
    "header", ["Idempotency-Key", "X-Order-Token", "X-Cart-Token", "X-Request-Id", "Authorization"]
)
async def test_L4_odd_headers_are_refused_or_ignored(api: Api, db: Database, header: str) -> None:
    lamp = await a_product(db, on_hand=200)
    placed = await api.buy(lamp.variant_id)
    order_id = placed["order"]["id"]
    for text in TEXTS:
        raw: Any = text.encode().replace(b"\r", b"").replace(b"\n", b"")
        headers = {**a_key(), header: raw}

        checkout = await api.post("/checkout", a_body(lamp.variant_id), headers=headers)
        read = await api.get(f"/orders/{order_id}", headers={header: raw})

        for answer in (checkout, read):
            assert answer.status < 500, (text, answer.raw)
            assert answer.status < 400 or answer.code
        assert read.status in {401, 404}
