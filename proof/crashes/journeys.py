"""The journeys that a web server is killed in. Each is one story from beginning to rest.

A journey says what people, the bank and time do, and what must have come of it. It knows nothing
of where the server dies: every step is repeated until it is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from proof.crashes.ground import ON_HAND
from proof.crashes.story import Story
from surehold.kernel.ids import merchant_reference
from surehold.orders.vendor_accounts import commands as vendor_accounts

_ASKED: Final = "SELECT array_agg(kind ORDER BY kind) FROM payment_operations"


class Journey(msgspec.Struct, frozen=True):
    """One story. ``victim`` is the kind of process that is killed in it."""

    name: str
    victim: str
    tell: Callable[[Story], Awaitable[None]]


async def paid_once(story: Story, placed: Any) -> None:
    """One order, paid with one capture, its unit allocated and nothing else held."""
    total = placed["order"]["total"]["amount"]
    story.expect("status", await story.status(placed), "paid")
    story.expect("stock", await story.stock(), (ON_HAND, 1, 0))
    story.expect("orders", await story.value("SELECT count(*) FROM orders"), 1)
    story.expect("taken", await story.value("SELECT sum(captured_minor) FROM payments"), total)
    story.expect("journals", await _journals(story), ["capture", "sale"])


async def given_back(story: Story, placed: Any, *, moved: list[tuple[str, int]]) -> None:
    """No unit is held or owned; the bank moved this."""
    story.expect("stock", await story.stock(), (ON_HAND, 0, 0))
    story.expect("orders", await story.value("SELECT count(*) FROM orders"), 1)
    story.expect("moved at the bank", await story.moved(), moved)
    story.expect(
        "refunds", await story.value("SELECT count(*) FROM refunds"), max(len(moved) - 1, 0)
    )
    canceled = "SELECT count(*) FROM orders WHERE canceled_at IS NOT NULL"
    story.expect("canceled orders", await story.value(canceled), 1)
    story.expect("status", await story.status(placed), "refunded" if moved else "canceled")


async def _journals(story: Story) -> list[str]:
    found = await story.value("SELECT array_agg(kind ORDER BY kind) FROM ledger_journals")
    return list(found or ())


async def start(story: Story) -> None:
    """The server dies while it starts, and the next one serves."""
    story.watch()
    await story.open_shop()
    story.look_away()
    placed = await story.place("bank_transfer")
    story.expect("status", await story.status(placed), "pending_payment")
    await story.come_to_rest()


async def pay(story: Story) -> None:
    """An order is placed, paid on the provider's page, and the webhook says so."""
    await story.open_shop()
    story.watch()
    placed = await story.place()
    await story.capture(placed)
    await story.come_to_rest()
    await paid_once(story, placed)
    story.expect("moved", await story.moved(), [("capture", placed["order"]["total"]["amount"])])


async def verify(story: Story) -> None:
    """The buyer comes back before any webhook, which never comes."""
    await story.open_shop()
    placed = await story.place()
    story.watch()
    await story.misbehave(drop_webhooks=True)
    await story.capture(placed)
    path = f"/api/v1/payments/{placed['payment']['id']}/verify"
    seen = await story.ask("POST", path, {})
    story.expect("payment", seen["state"], "captured")
    await story.come_to_rest()
    await paid_once(story, placed)


async def transfer(story: Story) -> None:
    """A bank transfer is confirmed by staff."""
    await story.open_shop()
    story.watch()
    placed = await story.place("bank_transfer")
    path = f"/api/v1/payments/{placed['payment']['id']}/confirm"
    seen = await story.staff("POST", path, {"received": placed["order"]["total"]}, key=True)
    story.expect("payment", seen["state"], "captured")
    await story.come_to_rest()
    await paid_once(story, placed)


async def cash(story: Story) -> None:
    """An order is sent, paid at the door, and the cash is taken to the bank."""
    await story.set_up(cash_on_delivery_countries=["IE"])
    await story.open_shop()
    story.watch()
    placed = await story.place("cash_on_delivery")
    story.expect("status", placed["order"]["status"], "confirmed")
    await _send(story, placed)
    total = placed["order"]["total"]
    payment = f"/api/v1/payments/{placed['payment']['id']}"
    taken = {"received": total, "collected_by": "a courier"}
    seen = await story.staff("POST", f"{payment}/collect", taken, key=True)
    story.expect("payment", seen["state"], "captured")
    paid_in = {
        "payment_ids": [placed["payment"]["id"]],
        "counted": total,
        "reference": "R-1",
    }
    path = "/api/v1/payments/cash/deposits"
    await story.staff("POST", path, paid_in, key=True, statuses=(201,))
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "shipped")
    story.expect("stock", await story.stock(), (ON_HAND - 1, 0, 0))
    wanted = ["capture", "cash_deposit", "receivable", "receivable_paid", "sale"]
    story.expect("journals", await _journals(story), wanted)
    at_bank = "SELECT sum(amount_minor) FROM ledger_entries WHERE account = 'bank'"
    story.expect("at the bank", await story.value(at_bank), total["amount"])


async def bookkeeping(story: Story) -> None:
    """The bank's statement is taken in, and the vendor is paid, each once."""
    await story.open_shop()
    story.watch()
    rule = "/api/v1/commission-rules"
    await story.staff("POST", rule, {"rate": "0.1"}, key=True, statuses=(201,))
    placed = await story.place("bank_transfer")
    total, payment_id = placed["order"]["total"], placed["payment"]["id"]
    confirm = f"/api/v1/payments/{payment_id}/confirm"
    await story.staff("POST", confirm, {"received": total}, key=True)
    await vendor_accounts.post_due_commissions(story.db, limit=10)
    gross = Decimal(total["amount"]).scaleb(-2)
    lines = [
        "entry,type,reference,amount,currency,booked_at",
        f"E-1,credit,{merchant_reference(UUID(payment_id))},{gross},EUR,2026-01-01",
        "E-2,charges,,-0.05,EUR,2026-01-01",
        f"E-3,sweep,,{Decimal('0.05') - gross},EUR,2026-01-01",
    ]
    path = "/api/v1/reconciliation/reports?provider=bank_transfer"
    done = await story.staff("POST", path, "\n".join(lines), key=True)
    story.expect("new rows", (done["new_count"], done["difference_count"]), (3, 0))
    wish = {"minimum": {"amount": 1, "currency": "EUR"}, "hold_days": 0}
    whole = await story.staff("POST", "/api/v1/vendor-payouts", wish, key=True, statuses=(201,))
    batch = f"/api/v1/vendor-payouts/{whole['batch']['id']}"
    await story.staff("POST", f"{batch}/approve", key=True)
    await story.staff("POST", f"{batch}/pay", {"bank_reference": "B-1"}, key=True)
    await story.come_to_rest()
    wanted = ["capture", "commission", "provider_fee", "provider_payout", "sale", "vendor_payout"]
    story.expect("journals", await _journals(story), wanted)
    left = """SELECT sum(amount_minor) FROM ledger_entries
               WHERE account IN ('vendor_payable', 'provider_clearing:bank_transfer')"""
    story.expect("left", await story.value(left), 0)


async def refused(story: Story) -> None:
    """An order is refused at the door: nothing is owed, and nothing was paid."""
    await story.set_up(cash_on_delivery_countries=["IE"])
    await story.open_shop()
    placed = await story.place("cash_on_delivery")
    await _send(story, placed)
    story.watch()
    path = f"/api/v1/payments/{placed['payment']['id']}/refuse"
    await story.staff("POST", path, {"reason": "not at home"}, key=True)
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "canceled")
    story.expect("owed", await story.value("SELECT owed_minor FROM orders"), 0)
    wanted = ["receivable", "receivable_canceled", "sale", "sale_reversal"]
    story.expect("journals", await _journals(story), wanted)


async def hold_and_take(story: Story) -> None:
    """The bank holds the money, and it is taken once, when the order is sent."""
    await story.set_up(capture={"sandbox": "on_shipment"})
    await story.open_shop()
    story.watch()
    placed = await story.place()
    await story.capture(placed)
    await story.hear()
    await story.wait_for_status(placed, "confirmed")
    story.expect("moved at first", await story.moved(), [])
    await _send(story, placed)
    await story.sweep()
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    story.expect("status", await story.status(placed), "shipped")
    story.expect("moved", await story.moved(), [("capture", total)])
    wanted = ["capture", "receivable", "receivable_paid", "sale"]
    story.expect("journals", await _journals(story), wanted)


async def hold_and_lose(story: Story) -> None:
    """The answer to the capture is lost, and found out later."""
    await story.set_up(capture={"sandbox": "on_shipment"})
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.hear()
    await story.wait_for_status(placed, "confirmed")
    story.watch()
    await story.misbehave(answers=[{"fault": "lose", "on": "capture", "calls": 1}])
    await _send(story, placed)
    await story.sweep()
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    story.expect("moved", await story.moved(), [("capture", total)])
    story.expect("paid", await story.value("SELECT paid_minor FROM orders"), total)


async def hold_and_ask_again(story: Story) -> None:
    """The bank refuses what it holds, and staff ask again: it is taken once."""
    await story.set_up(capture={"sandbox": "on_shipment"})
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.hear()
    await story.wait_for_status(placed, "confirmed")
    await story.misbehave(answers=[{"fault": "decline", "on": "capture", "calls": 1}])
    path = f"/api/v1/payments/{placed['payment']['id']}/capture"
    seen = await story.staff("POST", path, {}, key=True)
    story.expect("refused", (seen["state"], seen["is_under_review"]), ("authorized", True))
    story.watch()
    await story.staff("POST", path, {}, key=True)
    await story.sweep()
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    story.expect("moved", await story.moved(), [("capture", total)])
    story.expect("paid", await story.value("SELECT paid_minor FROM orders"), total)
    story.expect("journals", await _journals(story), ["capture", "sale"])


async def hold_and_let_go(story: Story) -> None:
    """The bank holds the money of an order that is canceled, and lets it go."""
    await story.set_up(capture={"sandbox": "on_shipment"})
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.hear()
    await story.wait_for_status(placed, "confirmed")
    story.watch()
    await story.cancel(placed)
    await story.sweep()
    await story.come_to_rest()
    await given_back(story, placed, moved=[])
    story.expect("payment", await story.value("SELECT state FROM payments"), "voided")


async def dispute(story: Story) -> None:
    """A bank holds the money back; the shop answers, and the answer is lost; the bank decides."""
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.settle()
    story.watch()
    bank = await story.provider_payment(placed)
    asked = await story.store.control(f"payments/{bank}/dispute", fee=15)
    await story.hear()
    await story.wait_for_status(placed, "disputed")
    await story.misbehave(answers=[{"fault": "lose", "on": "refund", "calls": 1}])
    one = await story.value("SELECT id FROM disputes")
    body = {"evidence": "winning_evidence"}
    await story.staff("POST", f"/api/v1/disputes/{one}/answer", body, key=True)
    await story.sweep()
    await story.hear()
    await story.wait_for_status(placed, "paid")
    await story.store.control(f"disputes/{asked['id']}/reopen")
    await story.hear()
    await story.wait_for_status(placed, "disputed")
    await story.store.control(f"disputes/{asked['id']}/close", outcome="lost")
    await story.hear()
    await story.wait_for_status(placed, "refunded")
    await story.come_to_rest()
    story.expect("stock", await story.stock(), (ON_HAND, 0, 0))
    lost = "SELECT sum(lost_minor) FROM payments"
    total = placed["order"]["total"]["amount"]
    story.expect("lost", await story.value(lost), total)
    wanted = ["capture", "dispute_fee", *["dispute_lost"] * 2, *["dispute_opened"] * 2]
    wanted += ["dispute_won", "sale", "sale_reversal"]
    story.expect("journals", await _journals(story), wanted)


async def suspected(story: Story) -> None:
    """Something speaks against an order that was paid; staff look, and give it up."""
    await story.set_up(fraud_signals={"is_on": True, "hold_at": 30, "large_amounts": {"EUR": 1}})
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    story.watch()
    placed = await story.place()
    await story.capture(placed)
    await story.hear()
    await story.wait_for_status(placed, "paid")
    review = f"/api/v1/payments/{placed['payment']['id']}/review"
    asked = await story.staff("GET", review)
    story.expect("reason", asked["reason"], "fraud_signals")
    decided = {"decision": "reject", "note": "nobody lives there"}
    done = await story.staff("POST", review, decided, key=True)
    story.expect("decided", [row["decision"] for row in done["decided"]], ["reject"])
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    await given_back(story, placed, moved=[("capture", total), ("refund", -total)])
    judged = "SELECT count(*) FROM fraud_assessments WHERE is_held"
    story.expect("judged", await story.value(judged), 1)


async def found(story: Story) -> None:
    """Somebody gives a part back in the bank's dashboard; it is found, and booked once."""
    await story.set_up(refunds_at_provider="book")
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.settle()
    story.watch()
    bank = await story.provider_payment(placed)
    await story.store.control(f"payments/{bank}/refund", amount=500)
    await story.hear()
    await story.wait_for_status(placed, "partially_refunded")
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    story.expect("moved", await story.moved(), [("capture", total), ("refund", -500)])
    story.expect("refunds", await story.value("SELECT count(*) FROM refunds"), 1)
    story.expect("refunded", await story.value("SELECT refunded_minor FROM payments"), 500)
    story.expect("asked", await story.value(_ASKED), ["create"])
    told = "SELECT count(*) FROM outbox WHERE topic = 'refund.found'"
    story.expect("staff are told", await story.value(told), 1)
    story.expect("stock", await story.stock(), (ON_HAND, 1, 0))
    wanted = ["capture", "refund", "sale", "sale_credit"]
    story.expect("journals", await _journals(story), wanted)


async def _send(story: Story, placed: Any) -> None:
    """Everything that was ordered leaves."""
    path = f"/api/v1/orders/{placed['order']['id']}/status"
    label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
    await story.staff("PUT", path, label)


async def cart(story: Story) -> None:
    """A cart is filled, changed and checked out."""
    await story.open_shop()
    story.watch()
    body = {"variant_id": str(story.variant_id), "currency": "EUR"}
    made = await story.ask("POST", "/api/v1/cart", body, statuses=(201,))
    token = {"X-Cart-Token": made["token"]}
    more = {"variant_id": str(story.variant_id)}
    await story.ask("POST", "/api/v1/cart", more, headers=token)
    item = f"/api/v1/cart/items/{made['items'][0]['id']}"
    seen = await story.ask("PUT", item, {"quantity": 1}, headers=token)
    story.expect("units in the cart", seen["item_count"], 1)
    placed = await story.place(lines=None, currency=None, cart_id=made["id"], headers=token)
    await story.capture(placed)
    await story.come_to_rest()
    await paid_once(story, placed)
    left = await story.ask("GET", "/api/v1/cart", headers=token)
    story.expect("left in the cart", left["items"], [])


async def decline(story: Story) -> None:
    """The card is declined, and the buyer pays with another."""
    await story.open_shop()
    placed = await story.place()
    story.watch()
    await story.store.control(f"payments/{await story.provider_payment(placed)}/fail")
    await story.hear()
    await story.wait_for_status(placed, "payment_failed")
    story.expect("status", await story.status(placed), "payment_failed")
    path = f"/api/v1/orders/{placed['order']['id']}/retry-payment"
    again = await story.ask("POST", path, {"payment_method": {"provider": "sandbox"}}, key=True)
    story.expect("payments", await story.value("SELECT count(*) FROM payments"), 2)
    await story.capture(again)
    await story.come_to_rest()
    await paid_once(story, placed)


async def unknown(story: Story) -> None:
    """The provider's answer to the creation is lost, and found out later."""
    await story.open_shop()
    story.watch()
    await story.misbehave(answers=[{"fault": "lose", "on": "create", "calls": 1}])
    placed = await story.place()
    await story.sweep()
    await story.capture(placed)
    await story.come_to_rest()
    await paid_once(story, placed)


async def expiry(story: Story) -> None:
    """Nobody pays: the hold ends, the order is given up, its page at the provider is closed."""
    await story.open_shop()
    placed = await story.place()
    story.watch()
    await story.let_time_pass(placed)
    await story.sweep()
    await story.come_to_rest()
    await given_back(story, placed, moved=[])
    story.expect("payment", await story.value("SELECT state FROM payments"), "voided")


async def refund(story: Story) -> None:
    """A paid order is canceled, and its money goes back once."""
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place()
    await story.capture(placed)
    await story.settle()
    story.watch()
    await story.cancel(placed)
    await story.sweep()
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    await given_back(story, placed, moved=[("capture", total), ("refund", -total)])


async def part(story: Story) -> None:
    """Two units are bought; one is given up, and an amount goes back for the other."""
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place(lines=[{"variant_id": str(story.variant_id), "quantity": 2}])
    await story.capture(placed)
    await story.settle()
    story.watch()
    path = f"/api/v1/orders/{placed['order']['id']}"
    line = placed["order"]["lines"][0]
    one = {"lines": [{"line_id": line["id"], "quantity": 1}]}
    await story.ask("POST", f"{path}/cancel", one, key=True)
    amount = {"amount": placed["order"]["total"] | {"amount": 100}, "reason": "A scratch"}
    await story.staff("POST", f"{path}/refunds", amount, key=True, statuses=(201,))
    await story.sweep()
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "partially_refunded")
    story.expect("stock", await story.stock(), (ON_HAND, 1, 0))
    total, price = placed["order"]["total"]["amount"], line["unit_price"]["amount"]
    moved = sorted([("capture", total), ("refund", -price), ("refund", -100)])
    story.expect("moved at the bank", sorted(await story.moved()), moved)
    canceled = await story.value("SELECT canceled_minor FROM orders")
    story.expect("canceled", canceled, price)
    story.expect(
        "journals",
        await _journals(story),
        ["capture", "refund", "refund", "sale", "sale_credit", "sale_credit"],
    )


async def change(story: Story) -> None:
    """A unit is given up for two more, which are paid; then one of those is given up again."""
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place(lines=[{"variant_id": str(story.variant_id), "quantity": 2}])
    await story.capture(placed)
    await story.settle()
    story.watch()
    path = f"/api/v1/orders/{placed['order']['id']}/changes"
    line = placed["order"]["lines"][0]
    wish = {
        "give_up": [{"line_id": line["id"], "quantity": 1}],
        "add": [{"variant_id": str(story.variant_id), "quantity": 2}],
        "reason": "Two more",
    }
    more = await story.staff("POST", path, wish, key=True, statuses=(201,))
    # Whoever died before the bank was asked has left that to the worker.
    await story.sweep()
    await story.capture({"payment": more["payment"]})
    await story.settle()
    less = {
        "give_up": [{"line_id": more["add"][0]["line_id"], "quantity": 1}],
        "reason": "One will do",
    }
    await story.staff("POST", path, less, key=True, statuses=(201,))
    await story.sweep()
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "paid")
    story.expect("stock", await story.stock(), (ON_HAND, 2, 0))
    states = "SELECT array_agg(state ORDER BY id) FROM order_changes"
    story.expect("changes", await story.value(states), ["applied", "applied"])
    total, price = placed["order"]["total"]["amount"], line["unit_price"]["amount"]
    moved = sorted([("capture", total), ("capture", price), ("refund", -price)])
    story.expect("moved at the bank", sorted(await story.moved()), moved)
    story.expect(
        "journals",
        await _journals(story),
        [
            *("capture", "capture", "refund", "sale", "sale_addition"),
            *("sale_credit", "sale_credit"),
        ],
    )


async def gift_card(story: Story) -> None:
    """A gift card pays a part of an order that is given up, and then all of another."""
    await story.open_shop()
    story.watch()
    body = {"amount": {"amount": 9_000, "currency": "EUR"}, "reason": "Sold"}
    card = await story.staff("POST", "/api/v1/gift-cards", body, key=True, statuses=(201,))
    cards = [{"code": card["code"], "amount": 500}]
    part = await story.place("bank_transfer", gift_cards=cards)
    await story.cancel(part)
    whole = await story.place("bank_transfer", gift_cards=[{"code": card["code"]}])
    await story.come_to_rest()
    total = whole["order"]["total"]["amount"]
    story.expect("status", await story.status(whole), "paid")
    story.expect("stock", await story.stock(), (ON_HAND, 1, 0))
    left = "SELECT balance_minor FROM gift_cards"
    story.expect("balance", await story.value(left), 9_000 - total)
    kinds = "SELECT array_agg(kind ORDER BY id) FROM gift_card_entries"
    story.expect("entries", await story.value(kinds), ["issue", "redeem", "release", "redeem"])
    story.expect("moved", await story.moved(), [])


async def late(story: Story) -> None:
    """The order is canceled, and the provider takes the money all the same."""
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place()
    story.watch()
    await story.cancel(placed)
    await story.capture(placed)
    await story.hear()
    await story.sweep()
    await story.come_to_rest()
    total = placed["order"]["total"]["amount"]
    await given_back(story, placed, moved=[("capture", total), ("refund", -total)])


async def reserve(story: Story) -> None:
    """Units are held over the API: one hold is released, one runs out."""
    await story.open_shop()
    story.watch()
    body = {"lines": [{"variant_id": str(story.variant_id), "quantity": 2}]}
    path = "/api/v1/inventory/reserve"
    held = await story.staff("POST", path, body, key=True, statuses=(201,))
    story.expect("stock", await story.stock(), (ON_HAND, 0, 2))
    ended = await story.staff("DELETE", f"{path}?reservation_id={held['id']}")
    story.expect("hold", ended["state"], "released")
    await story.staff("POST", path, {**body, "ttl_seconds": 60}, key=True, statuses=(201,))
    story.expect("stock", await story.stock(), (ON_HAND, 0, 2))
    await story.let_holds_end(timedelta(minutes=2))
    await story.sweep()
    await story.come_to_rest()
    states = "SELECT array_agg(state ORDER BY state) FROM reservations"
    story.expect("holds", await story.value(states), ["expired", "released"])
    story.expect("stock", await story.stock(), (ON_HAND, 0, 0))


async def extend(story: Story) -> None:
    """The buyer asks for more time, once, and then gives up."""
    await story.open_shop()
    placed = await story.place()
    story.watch()
    path = f"/api/v1/orders/{placed['order']['id']}/extend-reservation"
    await story.ask("POST", path, {}, key=True)
    story.expect("extensions", await story.value("SELECT extensions_used FROM orders"), 1)
    await story.cancel(placed)
    await story.come_to_rest()
    await given_back(story, placed, moved=[])


async def ship(story: Story) -> None:
    """A paid order is planned, packed, sent and delivered by staff."""
    await story.open_shop()
    placed = await story.place("bank_transfer")
    confirm = f"/api/v1/payments/{placed['payment']['id']}/confirm"
    await story.staff("POST", confirm, {"received": placed["order"]["total"]}, key=True)
    story.watch()
    path = f"/api/v1/orders/{placed['order']['id']}/fulfillments"
    planned = await story.staff("POST", path, {}, key=True, statuses=(201,))
    story.expect("parcels", len(planned["items"]), 1)
    parcel = f"/api/v1/fulfillments/{planned['items'][0]['id']}"
    await story.staff("POST", f"{parcel}/pack", {}, key=True)
    label = {"carrier": "dhl", "tracking_number": "JD0146"}
    await story.staff("POST", f"{parcel}/ship", label, key=True)
    await story.staff("POST", f"{parcel}/deliver", {}, key=True)
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "delivered")
    story.expect("stock", await story.stock(), (ON_HAND - 1, 0, 0))
    left = "SELECT count(*) FROM stock_movements WHERE reason = 'shipped'"
    story.expect("movements", await story.value(left), 1)


async def send_back(story: Story) -> None:
    """Two units were sent; one comes back as good as new, and its money goes back once."""
    await story.open_shop(SUREHOLD_SANDBOX_REFUND_SECONDS="0")
    placed = await story.place(lines=[{"variant_id": str(story.variant_id), "quantity": 2}])
    await story.capture(placed)
    await story.settle()
    order = f"/api/v1/orders/{placed['order']['id']}"
    sent = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
    await story.staff("PUT", f"{order}/status", sent)
    story.watch()
    line = placed["order"]["lines"][0]
    wanted = {"lines": [{"line_id": line["id"], "quantity": 1, "reason": "does_not_fit"}]}
    asked = await story.ask("POST", f"{order}/returns", wanted, key=True, statuses=(201,))
    back = f"{order}/returns/{asked['id']}"
    await story.staff("POST", f"{back}/approve", {})
    await story.ask("POST", f"{back}/send", {})
    await story.staff("POST", f"{back}/receive", {})
    judged = {"lines": [{"line_id": line["id"], "sellable": 1}]}
    await story.staff("POST", f"{back}/inspect", judged)
    done = await story.staff("POST", f"{back}/complete", {})
    story.expect("return", done["state"], "completed")
    await story.sweep()
    await story.come_to_rest()
    story.expect("status", await story.status(placed), "partially_refunded")
    story.expect("stock", await story.stock(), (ON_HAND - 1, 0, 0))
    story.expect("on the shelf again", await _moves(story, "returned"), [1])
    total, price = placed["order"]["total"]["amount"], line["unit_price"]["amount"]
    moved = [("capture", total), ("refund", -price)]
    story.expect("moved at the bank", sorted(await story.moved()), moved)
    story.expect("journals", await _journals(story), ["capture", "refund", "sale", "sale_credit"])


async def exchange(story: Story) -> None:
    """A unit comes back, and two are sent for it: the buyer pays the other."""
    await story.open_shop()
    placed = await story.place()
    await story.capture(placed)
    await story.settle()
    order = f"/api/v1/orders/{placed['order']['id']}"
    sent = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
    await story.staff("PUT", f"{order}/status", sent)
    line = placed["order"]["lines"][0]
    wanted = {"lines": [{"line_id": line["id"], "quantity": 1, "reason": "does_not_fit"}]}
    asked = await story.ask("POST", f"{order}/returns", wanted, key=True, statuses=(201,))
    back = f"{order}/returns/{asked['id']}"
    judged = {"lines": [{"line_id": line["id"], "sellable": 1}]}
    for step, body in (("approve", {}), ("receive", {}), ("inspect", judged)):
        await story.staff("POST", f"{back}/{step}", body)
    story.watch()
    two = {"add": [{"variant_id": str(story.variant_id), "quantity": 2}]}
    made = await story.staff("POST", f"{back}/exchange", two)
    story.expect("exchange", made["state"], "awaiting_payment")
    # Whoever died before the bank was asked has left that to the worker.
    await story.sweep()
    await story.capture({"payment": made["payment"]})
    await story.settle()
    await story.come_to_rest()
    states = "SELECT array_agg(state) FROM order_changes"
    story.expect("exchanges", await story.value(states), ["applied"])
    story.expect("return", await story.value("SELECT state FROM returns"), "completed")
    story.expect("stock", await story.stock(), (ON_HAND, 2, 0))
    total, price = placed["order"]["total"]["amount"], line["unit_price"]["amount"]
    moved = sorted([("capture", total), ("capture", price)])
    story.expect("moved at the bank", sorted(await story.moved()), moved)
    credit = "SELECT array_agg(balance_minor) FROM gift_cards"
    story.expect("credit left", await story.value(credit), [0])


async def move_stock(story: Story) -> None:
    """Five units are sent to another place and arrive in two parts."""
    await story.open_shop()
    annex = {"code": "annex", "name": "Annex", "country": "DE", "priority": 10}
    await story.staff("POST", "/api/v1/inventory/locations", annex, statuses=(201,))
    story.watch()
    units = [{"variant_id": str(story.variant_id), "quantity": 5}]
    body = {"from_location": "main", "to_location": "annex", "lines": units}
    path = "/api/v1/inventory/transfers"
    drafted = await story.staff("POST", path, body, key=True, statuses=(201,))
    one = f"{path}/{drafted['transfer']['id']}"
    await story.staff("POST", f"{one}/dispatch")
    part = {"lines": [{**units[0], "quantity": 2}]}
    some = await story.staff("POST", f"{one}/receive", part, key=True)
    story.expect("after a part", some["transfer"]["state"], "in_transit")
    rest = await story.staff("POST", f"{one}/receive", {}, key=True)
    story.expect("after the rest", rest["transfer"]["state"], "received")
    await story.come_to_rest()
    story.expect("moves", await _moves(story, "transfer"), [-5, 2, 3])
    shelves = "SELECT array_agg(on_hand ORDER BY on_hand) FROM stock_levels"
    story.expect("shelves", await story.value(shelves), [5, ON_HAND - 5])


async def count_stock(story: Story) -> None:
    """A shelf is counted twice: once the count is called off, once two units are missing."""
    await story.open_shop()
    story.watch()
    path = "/api/v1/inventory/counts"
    counted = {"lines": [{"variant_id": str(story.variant_id), "counted": ON_HAND - 2}]}
    for verb in ("cancel", "apply"):
        begun = await story.staff("POST", path, {"location": "main"}, key=True, statuses=(201,))
        one = f"{path}/{begun['count']['id']}"
        await story.staff("PUT", f"{one}/lines", counted)
        await story.staff("POST", f"{one}/{verb}")
    await story.come_to_rest()
    story.expect("moves", await _moves(story, "count"), [-2])
    story.expect("stock", await story.stock(), (ON_HAND - 2, 0, 0))
    states = "SELECT array_agg(state ORDER BY id) FROM stock_counts"
    story.expect("counts", await story.value(states), ["canceled", "applied"])


async def _moves(story: Story, reason: str) -> list[int]:
    """What came to shelves and left them for one reason, in order."""
    moves = "SELECT array_agg(delta ORDER BY id) FROM stock_movements WHERE reason = $1"
    return list(await story.value(moves, reason) or ())


async def dead_server(story: Story) -> None:
    """The webhook comes while no server runs; the next server is the one to die of it."""
    await story.open_shop(is_victim=False)
    placed = await story.place()
    await story.kill_web()
    await story.capture(placed)
    await story.store.control("release")
    await story.replace_web()
    await story.come_to_rest()
    await paid_once(story, placed)


WEB: Final = tuple(
    Journey(tell.__name__.replace("_", "-"), "web", tell)
    for tell in (
        start,
        pay,
        verify,
        transfer,
        cash,
        bookkeeping,
        refused,
        hold_and_take,
        hold_and_lose,
        hold_and_ask_again,
        hold_and_let_go,
        dispute,
        suspected,
        found,
        cart,
        decline,
        unknown,
        expiry,
        refund,
        part,
        change,
        gift_card,
        late,
        reserve,
        extend,
        ship,
        send_back,
        exchange,
        move_stock,
        count_stock,
        dead_server,
    )
)
