"""A buyer sends money and shows a receipt; staff find it, and reject another's."""

from __future__ import annotations

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.builders.trust import set_up
from tests.support.api import STAFF, Api, a_key, order_token

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
ACCOUNT = {
    "currency": "EUR",
    "holder": "Northline Ltd",
    "bank": "Demo Bank",
    "iban": "IE29 AIBK 9311 5212 3456 78",
    "bic": "AIBKIE2D",
}


async def test_a_buyer_shows_a_receipt_and_staff_find_the_money(db: Database, api: Api) -> None:
    await set_up(db, bank_accounts=[ACCOUNT])
    lamp = await a_product(db, on_hand=5)
    placed, other = [await api.buy((lamp.variant_id, 1)) for _ in range(2)]
    action, payment = placed["payment"]["next_action"], f"/payments/{placed['payment']['id']}"
    reference = action["reference"]
    assert reference[:-1] == placed["order"]["number"].removeprefix("SH-")
    assert ["IBAN", ACCOUNT["iban"]] in action["lines"]
    assert action["qr_text"].endswith(reference)

    buyer = {**order_token(placed), "Content-Type": "application/pdf"}
    shown = await api.post(f"{payment}/proofs", content=PDF, headers=buyer)
    assert (shown.status, shown.body["kind"], shown.body["size_bytes"]) == (201, "pdf", len(PDF))
    assert (await api.post(f"{payment}/proofs", content=PDF, headers=buyer)).status == 200
    html = {**buyer, "Content-Type": "text/html"}
    assert (await api.post(f"{payment}/proofs", content=PDF, headers=html)).status == 415
    page = await api.post(f"{payment}/proofs", content=b"<html>", headers=buyer)
    assert page.refusal == (422, "proof_not_readable")
    stranger = {**order_token(other), "Content-Type": "application/pdf"}
    foreign = await api.post(f"{payment}/proofs", content=PDF, headers=stranger)
    assert foreign.refusal == (404, "payment_not_found")
    assert (await api.get(f"{payment}/proofs", headers=order_token(placed))).status == 401

    waiting = await api.get("/payments/awaiting-confirmation", headers=STAFF)
    assert [(row["reference"], row["proofs"]) for row in waiting.body["items"]] == [
        (reference, 1),
        (other["payment"]["next_action"]["reference"], 0),
    ]
    typed = reference.lower().replace("0", "o")
    found = await api.get(f"/payments/awaiting-confirmation?reference={typed}", headers=STAFF)
    assert [row["order_id"] for row in found.body["items"]] == [placed["order"]["id"]]
    wrong = await api.get("/payments/awaiting-confirmation?reference=XXXXXXXX", headers=STAFF)
    assert wrong.refusal == (422, "invalid_input")

    [one] = (await api.get(f"{payment}/proofs", headers=STAFF)).body["items"]
    file = await api.get(f"{payment}/proofs/{one['id']}", headers=STAFF)
    assert (file.type, file.raw) == ("application/pdf", PDF)
    assert file.headers["content-disposition"] == 'attachment; filename="proof.pdf"'
    assert file.headers["x-content-type-options"] == "nosniff"
    body = {"received": placed["order"]["total"]}
    paid = await api.post(f"{payment}/confirm", body, headers={**STAFF, **a_key()})
    assert paid.body["state"] == "captured"

    reason = {"reason": "The receipt is of another order"}
    path = f"/payments/{other['payment']['id']}/reject"
    key = {**STAFF, **a_key()}
    rejected = await api.post(path, reason, headers=key)
    assert (rejected.status, rejected.body["failure_message"]) == (200, reason["reason"])
    assert (await api.post(path, reason, headers=key)).raw == rejected.raw
    seen = await api.get(f"/orders/{other['order']['id']}", headers=order_token(other))
    assert seen.body["status"] == "payment_failed"
    assert seen.body["payment"]["failure_message"] == reason["reason"]
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
