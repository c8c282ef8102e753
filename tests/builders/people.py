"""A person of whom the store keeps something in every place where it keeps anything."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db import Database
from surehold.kernel.ids import OrderId
from surehold.orders.documents import commands as documents
from tests.builders.accounts import HOME, a_customer, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.builders.orders import ship
from tests.support.api import STAFF, Api, a_key, order_token

EMAIL: Final = "mara.quinnabelle@example.com"
NAME: Final = "Mara Quinnabelle"
PHONE: Final = "+353871234567"
STREET: Final = "12 Quay Street"
#: Whatever is left of the person has one of these in it.
TRACES: Final = (EMAIL, "quinnabelle", PHONE, STREET)
ADDRESS: Final = {
    "name": NAME,
    "line1": STREET,
    "city": "Galway",
    "postal_code": "H91 X2KP",
    "country": "IE",
    "phone": PHONE,
}
#: What only many long stories would write.
_REST: Final = """
    CREATE TEMP TABLE ids ON COMMIT DROP AS
    SELECT 'ACCOUNT'::uuid AS account, 'ORDER'::uuid AS bought, 'PAYMENT'::uuid AS payment,
           'LINE'::uuid AS line, 'WHO'::text AS who, now() AS at;
    INSERT INTO known_devices SELECT sha256('device'), account, at, at FROM ids;
    INSERT INTO recovery_codes (account_id, code_hash) SELECT account, sha256('code') FROM ids;
    INSERT INTO carts (id, token_hash, currency, created_at, updated_at, buyer_id, coupon_code)
    SELECT line, sha256('cart'), 'EUR', at, at, account, 'TEN' FROM ids;
    INSERT INTO reminder_refusals SELECT sha256(convert_to('EMAIL', 'UTF8')), at FROM ids;
    INSERT INTO stock_alerts
    SELECT line, (SELECT min(id::text)::uuid FROM variants), 'EMAIL',
           sha256(convert_to('EMAIL', 'UTF8')), at FROM ids;
    INSERT INTO wishlists SELECT line, sha256('wish'), account, at, at FROM ids;
    INSERT INTO wishlist_tokens SELECT sha256('wishes'), line, at FROM ids;
    INSERT INTO reviews
           (id, product_id, account_id, stars, title, body, author, is_verified, state, changed_by,
            change_reason, created_at, updated_at)
    SELECT line, product_id, account, 5, 'For ' || who, who || ' likes it', who, true, 'pending',
           'account', who, at, at
      FROM ids
      JOIN order_lines ON order_lines.id = (SELECT min(id::text)::uuid FROM order_lines);
    INSERT INTO order_notes SELECT line, bought, 'Call ' || who, false, 'staff', at FROM ids;
    INSERT INTO cancellations SELECT line, bought, who, 'staff', false, at FROM ids;
    INSERT INTO returns
           (id, order_id, state, note, answer, changed_by, change_reason, created_at,
            updated_at)
    SELECT line, bought, 'requested', who, 'Dear ' || who, 'buyer', who, at, at FROM ids;
    INSERT INTO return_lines (id, return_id, order_line_id, quantity, reason, note)
    SELECT line, line, order_lines.id, 1, 'other', who
      FROM ids JOIN order_lines ON order_id = bought;
    INSERT INTO return_photos
    SELECT line, line, 1, 1, 1, convert_to(who, 'UTF8'), sha256('photo'), 'buyer', at FROM ids;
    INSERT INTO transfer_proofs
    SELECT line, payment, 1, 'pdf', convert_to(who, 'UTF8'), sha256('proof'), 'buyer', at
      FROM ids;
    INSERT INTO order_changes
           (id, order_id, state, content, given_up_minor, added_minor, is_sold, changed_by,
            change_reason, created_at, updated_at)
    SELECT line, bought, 'applied', '{"lines": [], "given_up": []}', 0, 100, false, 'staff',
           who, at, at
      FROM ids;
    INSERT INTO draft_orders
           (id, state, content, token_hash, link_expires_at, changed_by, change_reason,
            created_at, updated_at)
    SELECT line, 'open', jsonb_build_object(
               'currency', 'EUR', 'email', 'EMAIL', 'note', who,
               'lines', jsonb_build_array(jsonb_build_object(
                   'variant_id', line, 'quantity', 1, 'reason', who))),
           sha256('draft'), at, 'staff', who, at, at
      FROM ids;
    INSERT INTO payment_operations
           (id, payment_id, kind, state, idempotency_key, request, created_at, ended_at)
    SELECT line, payment, 'create', 'succeeded', 'k', convert_to(who, 'UTF8'), at, at FROM ids;
    INSERT INTO refunds
           (id, payment_id, order_id, state, currency, amount_minor, reason, requested_by,
            created_at, ended_at, internal_reason)
    SELECT line, payment, bought, 'failed', 'EUR', 1, who, 'staff', at, at, who FROM ids;
    INSERT INTO webhook_events
           (id, provider, account, dedup_key, kind, provider_payment_id, raw_body, state,
            received_at, last_seen_at, processed_at)
    SELECT line, payments.provider, '', 'k', 'other', payments.provider_payment_id,
           convert_to(who, 'UTF8'), 'processed', at, at, at
      FROM ids JOIN payments ON payments.id = ids.payment;
    INSERT INTO disputes
           (id, payment_id, order_id, provider, account, provider_dispute_id, stage, state,
            currency, amount_minor, away_minor, lost_minor, reason, answer_state, answer,
            answered_by, answered_at, version, opened_at, updated_at)
    SELECT line, payment, bought, payments.provider, '', 'd', 'chargeback', 'won', 'EUR', 1, 0, 0,
           'fraudulent', 'by_hand', 'It was sent to ' || who, 'staff', at, 1, at, at
      FROM ids JOIN payments ON payments.id = ids.payment;
    INSERT INTO payment_reviews (id, payment_id, reason, decision, note, actor, decided_at)
    SELECT line, payment, 'disputed', 'accept', who || ' called', 'staff', at FROM ids;
    UPDATE orders SET network_hash = '0123456789abcdef', address_hash = '0123456789abcdef';
    INSERT INTO fraud_assessments
           (id, payment_id, order_id, score, hold_at, is_held, signals, assessed_at)
    SELECT line, payment, bought, 30, 60, false,
           jsonb_build_array(jsonb_build_object(
               'name', 'disposable_mail', 'weight', 30, 'sentence', who || ' again')), at
      FROM ids;
    INSERT INTO gift_cards
           (id, kind, code_hash, last_four, currency, initial_minor, owner_email, reason,
            actor, created_at)
    SELECT line, 'gift_card', sha256('card'), '1234', 'EUR', 100, 'EMAIL', who, 'staff', at
      FROM ids;
    INSERT INTO coupon_redemptions (id, coupon_id, order_id, buyer, redeemed_at, ended_at,
                                    end_reason)
    SELECT line, line, bought, 'EMAIL', at, at, 'canceled' FROM ids;
    UPDATE payments SET failure_message = who,
       next_action = jsonb_build_object('type', 'instructions', 'lines', '[]'::jsonb,
                                        'reference', who)
      FROM ids WHERE payments.id = ids.payment
"""
_LATER: Final = """
    UPDATE returns SET state = 'rejected' WHERE id = 'LINE';
    INSERT INTO cart_contacts
    SELECT 'LINE', 'EMAIL', sha256(convert_to('EMAIL', 'UTF8')), 'waiting', now();
    INSERT INTO gift_card_entries
           (id, gift_card_id, kind, amount_minor, reference, reason, actor, balance_minor,
            created_at)
    VALUES ('LINE', 'LINE', 'issue', 100, 'LINE', 'WHO', 'staff', 100, now());
    UPDATE draft_orders SET state = 'canceled' WHERE id = 'LINE';
    UPDATE orders SET billing_address = shipping_address, change_reason = 'WHO'
     WHERE id = 'ORDER';
    UPDATE fulfillments SET tracking_number = 'WHO' WHERE order_id = 'ORDER';
    UPDATE mails SET last_error = '550 no such mailbox: EMAIL';
    UPDATE outbox SET payload = payload || '{"email": "EMAIL"}' WHERE subject_id = 'ORDER';
    INSERT INTO cart_tokens (token_hash, cart_id, created_at)
    VALUES (sha256('cart'), 'LINE', now());
    INSERT INTO sessions
           (id, account_id, kind, token_hash, proof, device, address, created_at, last_used_at,
            expires_at, ended_at, end_reason)
    VALUES ('LINE', 'ACCOUNT', 'browser', sha256('session'), 'password', 'Firefox', '192.0.2.7',
            now(), now(), now(), now(), 'signed_out');
    INSERT INTO account_letters
           (id, kind, account_id, email, email_key, token_hash, sealed_token, created_at,
            expires_at, language)
    VALUES ('LINE', 'magic_link', 'ACCOUNT', 'EMAIL', 'EMAIL', sha256('letter'), 'sealed', now(),
            now(), 'fr');
    UPDATE accounts SET language = 'fr' WHERE id = 'ACCOUNT';
    INSERT INTO totp_factors (id, account_id, sealed_secret, created_at)
    VALUES ('LINE', 'ACCOUNT', 'sealed', now());
"""


class Known(msgspec.Struct, frozen=True):
    """What the store knows the person by."""

    account_id: UUID
    order_id: UUID
    #: Headers of whoever is signed in as them.
    bearer: dict[str, str]
    device: str | None


async def a_known_person(api: Api, db: Database, *, is_delivered: bool = True) -> Known:
    """A buyer with an account, an order that was delivered, and a trace in every table."""
    identity = an_identity(db)
    await a_customer(identity, EMAIL)
    signed_in = await sign_in(identity, EMAIL, place=HOME)
    bearer = {"Authorization": f"Bearer {signed_in.access_token}"}
    saved = await api.post(
        "/me/addresses", {"address": ADDRESS, "is_default": True}, headers=bearer
    )
    assert saved.status == 201, saved.raw
    lamp = await a_product(db, price=3000, on_hand=5)
    placed = await api.buy(lamp.variant_id, email=EMAIL, shipping_address=ADDRESS)
    order_id = UUID(placed["order"]["id"])
    owned = await api.get("/me/orders", headers=bearer)
    assert [row["id"] for row in owned.body["items"]] == [str(order_id)]
    paid = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers={**STAFF, **a_key()},
    )
    assert paid.status == 200, paid.raw
    await ship(api.checkout, OrderId(order_id))
    await documents.issue_due(db, limit=10)
    await fill(db, signed_in.account.id, order_id, UUID(placed["payment"]["id"]))
    if is_delivered:
        await deliver(api, order_id)
    assert order_token(placed)
    return Known(signed_in.account.id, order_id, bearer, signed_in.device)


async def fill(db: Database, account_id: UUID, order_id: UUID, payment_id: UUID) -> None:
    """Leave a trace of the person in every other place."""
    known = {
        "ACCOUNT": account_id,
        "ORDER": order_id,
        "PAYMENT": payment_id,
        "LINE": order_id,
        "WHO": f"{NAME} {PHONE}",
        "EMAIL": EMAIL,
    }
    text = f"{_REST};{_LATER}"
    for name, value in known.items():
        text = text.replace(name, str(value))
    async with db.transaction() as tx:
        await tx.raw.execute(text)


async def deliver(api: Api, order_id: UUID) -> None:
    """The last parcel has arrived."""
    answer = await api.get(f"/orders/{order_id}/fulfillments", headers=STAFF)
    [parcel] = answer.body["items"]
    told = await api.post(
        f"/fulfillments/{parcel['id']}/deliver", {}, headers={**STAFF, **a_key()}
    )
    assert told.status == 200, told.raw


async def traces_of(db: Database, *traces: str) -> dict[str, int]:
    """Tables in which anything of a person is found, in whatever column, and how many rows."""
    texts = [trace.lower() for trace in traces]
    wanted = [f"%{text}%" for text in (*texts, *(text.encode().hex() for text in texts))]
    found: dict[str, Any] = {}
    async with db.connection() as connection:
        tables = await connection.raw.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'm')"
            " AND relnamespace = current_schema()::regnamespace"
        )
        assert len(tables) > 100
        for (name,) in tables:
            # ``::text`` shows bytes in hex, so a name in a file is found as well.
            count = await connection.raw.fetchval(
                f'SELECT count(*) FROM "{name}" AS one'
                " WHERE lower(one::text) LIKE ANY($1::text[])",
                wanted,
            )
            if count:
                found[name] = count
    return found
