"""Documents over HTTP: who may have which, in which form."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.model import Actor
from surehold.kernel.ids import PaymentId
from surehold.kernel.money import Money
from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, order_token

HTML = {"Accept": "text/html"}


async def _sold(api: Api, **changes: Any) -> Any:
    product = await a_product(api.db, price={"EUR": 1999, "USD": 1999})
    placed = await api.buy((product.variant_id, 2), **changes)
    total = placed["order"]["total"]
    await commands.confirm_payment(
        api.checkout,
        payment_id=PaymentId(placed["payment"]["id"]),
        received=Money(total["amount"], total["currency"]),
        actor=Actor("staff:test"),
    )
    return placed


async def _issue(api: Api, placed: Any, kind: str = "invoice", **more: Any) -> Any:
    path = f"/orders/{placed['order']['id']}/documents"
    answer = await api.post(path, {"kind": kind, **more}, headers=STAFF)
    assert answer.status in {200, 201}, answer.raw
    return answer


async def test_staff_issue_an_invoice_once(api: Api) -> None:
    placed = await _sold(api)

    first, second = [await _issue(api, placed) for _ in range(2)]

    assert (first.status, second.status) == (201, 200)
    assert first.raw == second.raw
    assert first.body["kind"] == "invoice"
    assert first.body["total"] == placed["order"]["total"]
    assert first.body["number"].endswith("-000001")
    path = f"/orders/{placed['order']['id']}/documents/{first.body['id']}"
    assert first.body["url"] == f"http://shop.test/api/v1{path}"


async def test_a_buyer_reads_the_own_invoice_and_no_packing_slip(api: Api) -> None:
    placed = await _sold(api)
    invoice = (await _issue(api, placed)).body
    slip = (await _issue(api, placed, "packing_slip")).body
    path = f"/orders/{placed['order']['id']}/documents"

    mine = await api.get(path, headers=order_token(placed))
    all_of_it = await api.get(path, headers=STAFF)
    refused = await api.get(f"{path}/{slip['id']}", headers=order_token(placed))
    page = await api.get(f"{path}/{invoice['id']}", headers={**order_token(placed), **HTML})
    by_link = await api.get(
        f"{path}/{invoice['id']}?token={placed['order']['access_token']}", headers=HTML
    )

    assert mine.body == {"items": [invoice], "next_cursor": None}
    assert all_of_it.body["items"] == [invoice, slip]
    assert refused.refusal == (404, "document_not_found")
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")
    assert page.raw == by_link.raw
    assert "€44.88" in page.raw.decode()
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert page.headers["cache-control"] == "no-store"


async def test_a_document_comes_as_pdf_unless_a_page_is_preferred(api: Api) -> None:
    pytest.importorskip("typst")
    placed = await _sold(api)
    invoice = (await _issue(api, placed, language="de-AT")).body
    path = f"/orders/{placed['order']['id']}/documents/{invoice['id']}"
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    rather_html = {"Accept": "application/pdf;q=0.5, text/*"}

    plain = await api.get(path, headers=STAFF)
    named = await api.get(path, headers={**STAFF, "Accept": "application/pdf"})
    pages = [await api.get(path, headers={**STAFF, **one}) for one in (browser, rather_html)]
    neither = await api.get(path, headers={**STAFF, "Accept": "image/png"})

    assert plain.type == named.type == "application/pdf"
    assert plain.raw == named.raw
    assert plain.raw.startswith(b"%PDF-")
    assert plain.headers["content-disposition"] == f'inline; filename="{invoice["number"]}.pdf"'
    assert plain.headers["content-language"] == "de"
    assert [page.type for page in pages] == ["text/html; charset=utf-8"] * 2
    assert "Rechnung" in pages[0].raw.decode()
    assert neither.refusal == (406, "not_acceptable")


async def test_without_the_extra_the_page_is_what_there_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surehold.web.documents.pdf.IS_INSTALLED", False)
    placed = await _sold(api)
    invoice = (await _issue(api, placed)).body
    path = f"/orders/{placed['order']['id']}/documents/{invoice['id']}"

    plain = await api.get(path, headers=STAFF)
    only_pdf = await api.get(path, headers={**STAFF, "Accept": "application/pdf"})

    assert plain.type == "text/html; charset=utf-8"
    assert only_pdf.refusal == (406, "not_acceptable")


async def test_another_language_is_for_the_asking(api: Api) -> None:
    placed = await _sold(api)
    invoice = (await _issue(api, placed)).body
    path = f"/orders/{placed['order']['id']}/documents/{invoice['id']}"

    french = await api.get(f"{path}?language=fr-CA", headers={**STAFF, **HTML})
    wrong = await api.get(f"{path}?language=%3Cb%3E", headers={**STAFF, **HTML})

    assert french.headers["content-language"] == "fr"
    assert "<h1>Facture</h1>" in french.raw.decode()
    assert [pointer for pointer, _ in wrong.faults] == ["/language"]


async def test_others_learn_nothing(api: Api) -> None:
    placed, other = await _sold(api), await _sold(api)
    invoice = (await _issue(api, placed)).body
    path = f"/orders/{placed['order']['id']}/documents"
    elsewhere = f"/orders/{other['order']['id']}/documents/{invoice['id']}"

    assert (await api.get(path)).refusal == (404, "order_not_found")
    assert (await api.get(f"{path}/{invoice['id']}")).refusal == (404, "order_not_found")
    stranger = await api.get(f"{path}/{invoice['id']}", headers=order_token(other))
    assert stranger.refusal == (404, "order_not_found")
    through_own = await api.get(elsewhere, headers=order_token(other))
    assert through_own.refusal == (404, "document_not_found")
    nothing = await api.get(f"{path}/nothing", headers=order_token(placed))
    assert nothing.refusal == (404, "document_not_found")
    assert (await api.get(path, headers={"Authorization": "Bearer no"})).status == 401


async def test_what_cannot_be_issued_is_refused(api: Api) -> None:
    product = await a_product(api.db)
    waiting = await api.buy(product.variant_id)
    path = f"/orders/{waiting['order']['id']}/documents"
    note = {"kind": "credit_note", "refund_id": NOBODY}

    assert (await api.post(path, {"kind": "invoice"})).refusal == (401, "unauthenticated")
    not_due = await api.post(path, {"kind": "invoice"}, headers=STAFF)
    assert not_due.refusal == (409, "document_not_due")
    unknown = await api.post(f"/orders/{NOBODY}/documents", {"kind": "invoice"}, headers=STAFF)
    assert unknown.refusal == (404, "order_not_found")
    sold = await _sold(api)
    foreign = await api.post(f"/orders/{sold['order']['id']}/documents", note, headers=STAFF)
    assert foreign.refusal == (404, "refund_not_found")
    wrong = await api.post(path, {"kind": "receipt", "language": "?"}, headers=STAFF)
    assert {pointer for pointer, _ in wrong.faults} == {"/kind", "/language"}
    nameless = await api.post(path, {"kind": "credit_note"}, headers=STAFF)
    assert nameless.faults == {("/refund_id", "required")}
    named = await api.post(path, {**note, "kind": "invoice"}, headers=STAFF)
    assert named.faults == {("/refund_id", "not_taken")}
    async with api.db.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM documents") == 0
