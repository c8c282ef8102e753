"""Every invariant fires on its own corruption, and none on a store that only commands touched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from surehold.checkout import commands
from surehold.checkout.commands import DraftForm
from surehold.checkout.model import BUYER
from surehold.checkout.rules import ChangeWish, Wish
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db import Connection, Database, invariants
from surehold.db.database import Settings
from surehold.db.invariants import Watch, check_invariants, list_invariants
from surehold.identity import commands as identities
from surehold.identity.model import AccountKind, ClaimKind
from surehold.inventory import commands as inventory
from surehold.inventory.model import BackorderKind
from surehold.jobs import outbox
from surehold.kernel import clock
from surehold.kernel.ids import (
    AccountId,
    OrderChangeId,
    OrderId,
    ProductId,
    ReturnId,
    VariantId,
    new_id,
)
from surehold.kernel.money import Money
from surehold.orders import queries as orders
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.model import CancelReason, OrderStatus, ReturnReason
from surehold.orders.states import ReturnEvent
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts.model import NewRule
from surehold.payments.cash import commands as cash
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.failures import (
    OutcomeUnknown,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.reconciliation import commands as reconciliation
from surehold.payments.reconciliation.commands import ReportFile
from surehold.payments.states import PAYMENT
from surehold.reviews import commands as reviews
from surehold.reviews.rules import Words
from tests.builders.accounts import a_customer, a_member, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.builders.drafts import a_draft
from tests.builders.fraud import a_held_order, ask_for_signals
from tests.builders.fulfillments import a_shipped_order, open_parcels, reach
from tests.builders.gift_cards import a_gift_card
from tests.builders.orders import (
    a_checkout,
    a_paid_order,
    a_placed_order,
    a_placement,
    begin_payment,
    look_at,
    pay,
    ship,
)
from tests.builders.pricing import a_coupon
from tests.builders.providers import PretendProvider
from tests.builders.trust import a_due_order, collect, offer_cash
from tests.support import server

SOME: Final = "(SELECT min(id::text)::uuid FROM"


@pytest.fixture(scope="module")
def store(run_folder: Path) -> Iterator[str]:
    """The address of a store with one of every kind of order; its tests roll back."""
    name = f"invariants_{uuid4().hex[:8]}"
    url = server.clone(run_folder, name)
    with asyncio.Runner() as runner:
        runner.run(_live(url))
    yield url
    server.drop(run_folder, name)


async def _live(url: str) -> None:
    pretend = PretendProvider()
    async with Database(Settings(url=url)) as db:
        await vendor_accounts.add_rule(db, new=NewRule("0.125"), actor="test")
        lamp = await a_product(db, price=1999, on_hand={"main": 10, "annex": 8})
        mug = await a_product(db, price=777, on_hand=17)
        both = [(lamp.variant_id, 2), (mug.variant_id, 1)]
        providers = Providers([pretend, BankTransfer()])
        async with a_checkout(db, providers=providers) as checkout:
            await a_placed_order(checkout, both)
            sold = await a_paid_order(checkout, [(lamp.variant_id, 12)])
            await documents.issue(
                db, order_id=sold.order.id, kind=DocumentKind.PACKING_SLIP, actor="test"
            )
            sent = await a_paid_order(checkout, [(mug.variant_id, 1)])
            await a_shipped_order(checkout, sent)
            await open_parcels(checkout, await a_paid_order(checkout, [(mug.variant_id, 1)]))
            given_up = await a_placed_order(checkout, both)
            await _cancel(checkout, given_up.order.id)
            assert await pay(checkout, given_up) == "refund_requested"
            sold_back = await _buy_by_card(checkout, pretend, mug.variant_id)
            await _cancel(checkout, sold_back)
            assert await commands.ask_due_operations(checkout) == 0
            await _send_back(checkout, await _buy_by_card(checkout, pretend, mug.variant_id))
            await _give_back(checkout, await _buy_by_card(checkout, pretend, mug.variant_id, 4))
            await _buy_by_card(checkout, pretend, mug.variant_id)
            await a_coupon(db, limit_total=5, limit_per_buyer=2)
            reduced = msgspec.structs.replace(
                a_placement([(mug.variant_id, 1)]), coupon="SPRING-10"
            )
            sold = await checkout.placing.submit(reduced)
            assert await pay(checkout, await look_at(checkout, sold.order_id)) == "paid"
            draft = await a_draft(db, (mug.variant_id, 1))
            form = DraftForm(key="draft", request_hash=b"", provider="bank_transfer", actor="x")
            await commands.place_draft(checkout, draft=draft, form=form)
            await _dispute(checkout, pretend, mug.variant_id)
            await _suspect(checkout, pretend)
            await _pay_by_card(checkout, mug.variant_id)
            await _change_orders(checkout)
            lost = await a_placed_order(checkout, [(mug.variant_id, 1)], provider="pretend")
            pretend.fail_next = OutcomeUnknown("lost")
            await begin_payment(checkout, lost)
        await _finish_refunds(url, db, providers)
        await _move_and_count(db, mug.variant_id)
        await _sell_ahead(db)
        await _trust(db)
        await _sign_in(db)
        await _review(db, lamp.product_id, mug.product_id)
        await _pay_vendors(db)
        await _take_in_a_report(db)
        assert await documents.issue_due(db, limit=100) == 31
        await outbox.publish(db, subscribers=())


async def _pay_vendors(db: Database) -> None:
    """Whatever was sold is commissioned; a batch was paid, another was given up."""
    assert await vendor_accounts.post_due_commissions(db, limit=200) > 0
    wish: dict[str, Any] = {"minimum": Money(1, "USD"), "hold_days": 0, "actor": "test"}
    batch = (await vendor_accounts.propose_payouts(db, **wish)).batch
    await vendor_accounts.cancel_payouts(db, batch_id=batch.id, actor="test")
    batch = (await vendor_accounts.propose_payouts(db, **wish)).batch
    await vendor_accounts.approve_payouts(db, batch_id=batch.id, actor="test")
    await vendor_accounts.pay_payouts(db, batch_id=batch.id, bank_reference="B-1", actor="test")


async def _take_in_a_report(db: Database) -> None:
    """A charge that nobody here knows, its fee, and its payout."""
    raw = (
        b"id,type,payment,gross,fee,currency,created_at\n"
        b"cap_1,capture,pay_1,1000,29,USD,1700000000\n"
        b"po_1,payout,,-971,0,USD,1700000001\n"
    )
    file = ReportFile("sandbox", "test", raw)
    done = await reconciliation.import_report(db, file=file, actor="test")
    assert (done.new_count, done.difference_count) == (2, 1)


async def _sign_in(db: Database) -> None:
    """A buyer who has confirmed, signed in and claimed; staff with a role; an admin."""
    identity = an_identity(db)
    await a_customer(identity, "ada@example.com")
    async with db.transaction() as tx:
        await identities.found_roles(tx, actor="test")
    await a_member(identity, roles=("support",))
    await a_member(identity, "root@example.com", kind=AccountKind.ADMIN)
    buyer = await sign_in(identity, "ada@example.com")
    await sign_in(identity, "ines@example.com")
    async with db.connection() as connection:
        found = await orders.list_unclaimed(connection, email="ada@example.com")
    claimed = await identities.claim_orders(
        db, account_id=buyer.account.id, orders=found, by=ClaimKind.EMAIL
    )
    assert claimed == len(found) > 0


async def _review(db: Database, *product_ids: ProductId) -> None:
    """Ada says what she thinks of two things; staff let others read the first."""
    async with db.connection() as connection:
        row = await connection.raw.fetchrow("SELECT id FROM accounts WHERE kind = 'customer'")
    words = Words(4, "Bright", "It is.", "Ada")
    first, _ = [
        await reviews.write_review(
            db, product_id=product_id, account_id=AccountId(row["id"]), words=words
        )
        for product_id in product_ids
    ]
    await reviews.publish_review(db, review_id=first.id, actor="test")


async def _sell_ahead(db: Database) -> None:
    """One buyer's lantern is packed, another waits for one that is not there."""
    lantern = await a_product(db, price=500, on_hand=1)
    wish = inventory.BackorderWish(BackorderKind.BACKORDER, 3)
    await inventory.set_backorders(db, variant_id=lantern.variant_id, wish=wish, actor="test")
    async with a_checkout(db) as checkout:
        first = await a_paid_order(checkout, [(lantern.variant_id, 1)])
        await reach(checkout, first.order.id, OrderStatus.READY_FOR_SHIPMENT)
        await a_paid_order(checkout, [(lantern.variant_id, 1)])


async def _change_orders(checkout: Any) -> None:
    """A vase is swapped for a bowl, one more is paid, and another waits to be paid."""
    vase = await a_product(checkout.db, price=800, on_hand=9)
    bowl = await a_product(checkout.db, price=400, on_hand=19)

    async def change(placed: Any, give_up: int, *add: int) -> Any:
        lines = ((placed.lines[0].id, give_up),) if give_up else ()
        return await commands.change_order(
            checkout,
            order_id=placed.order.id,
            change_id=OrderChangeId(new_id()),
            wish=ChangeWish(lines, tuple((bowl.variant_id, units) for units in add)),
            reason="test",
            actor=BUYER,
        )

    both = [(vase.variant_id, 1), (bowl.variant_id, 1)]
    orders = [await a_paid_order(checkout, both) for _ in range(3)]
    await change(orders[0], 1, 1, 1)
    assert await pay(checkout, await change(orders[1], 0, 1)) == "paid"
    await change(orders[2], 1, 3)
    await _exchange(checkout, await a_paid_order(checkout, both), bowl.variant_id)


async def _exchange(checkout: Any, placed: Any, variant_id: VariantId) -> None:
    """A unit came back, and another is to be sent for it."""
    order_id, line_id = placed.order.id, placed.lines[0].id
    await ship(checkout, order_id)
    one: dict[str, Any] = {"order_id": order_id, "return_id": ReturnId(new_id()), "actor": BUYER}
    wanted = Wanted(line_id, 1, ReturnReason.DOES_NOT_FIT)
    await commands.request_return(checkout, lines=(wanted,), **one)
    await commands.move_return(checkout, event=ReturnEvent.APPROVE, **one)
    await commands.receive_return(checkout, **one)
    await commands.inspect_return(checkout, judged=(Judged(line_id, 0, 1),), **one)
    change_id = OrderChangeId(new_id())
    await commands.exchange_return(checkout, change_id=change_id, add=((variant_id, 1),), **one)


async def _trust(db: Database) -> None:
    """Paid at the door: one is not sent yet, one is on its way, the cash of one is at the bank."""
    bowl = await a_product(db, price=600, on_hand=3)
    await offer_cash(db)
    async with a_checkout(db, providers=Providers([CashOnDelivery()])) as checkout:
        await a_due_order(checkout, (bowl.variant_id, 1))
        for is_collected in (False, True):
            placed = await a_due_order(checkout, (bowl.variant_id, 1))
            await ship(checkout, placed.order.id)
            if is_collected:
                assert await collect(checkout, placed) == "paid"
        assert placed.payment is not None
        await cash.deposit_cash(
            db,
            payment_ids=[placed.payment.id],
            counted=placed.payment.requested,
            reference="R-1",
            actor="test",
        )


async def _suspect(checkout: Any, pretend: PretendProvider) -> None:
    """One order waits for a person; one was let go on, and one was given up."""
    variant_id = (await a_product(checkout.db, price=600, on_hand=3)).variant_id
    await ask_for_signals(checkout.db)
    for decision in (None, ReviewDecision.ACCEPT, ReviewDecision.REJECT):
        held = await a_held_order(checkout, pretend, (variant_id, 1))
        if decision is not None:
            assert held.payment is not None
            await commands.review_payment(
                checkout,
                payment_id=held.payment.id,
                decision=decision,
                note="looked at",
                actor=BUYER,
            )
    await ask_for_signals(checkout.db, is_on=False)


async def _pay_by_card(checkout: Any, variant_id: VariantId) -> None:
    """A card pays a part of an order that waits, and all of another, of which some goes back."""
    card = await a_gift_card(checkout.db, 9_000, currency="USD")
    plain = a_placement([(variant_id, 1)])
    waits = msgspec.structs.replace(plain, gift_cards=(card.wish(100),))
    await commands.place_order(checkout, waits)
    whole = msgspec.structs.replace(a_placement([(variant_id, 1)]), gift_cards=(card.wish(),))
    answer = msgspec.json.decode((await commands.place_order(checkout, whole)).body)
    order_id = msgspec.convert(answer["order"]["id"], OrderId)
    wish = Wish(amount=Money(50, "USD"))
    await commands.refund_order(
        checkout, order_id=order_id, wish=wish, reason="a scratch", actor=BUYER
    )


async def _move_and_count(db: Database, variant_id: VariantId) -> None:
    """A transfer that came in part, and a count that found a unit more than was there."""
    drafted = await inventory.create_transfer(
        db, new=inventory.NewTransfer("main", "annex", ((variant_id, 3),)), actor="test"
    )
    transfer_id = drafted.transfer.id
    await inventory.dispatch_transfer(db, transfer_id=transfer_id, actor="test")
    await inventory.receive_transfer(
        db, transfer_id=transfer_id, arrived=[(variant_id, 1)], actor="test"
    )
    begun = await inventory.start_count(
        db, location="annex", variant_ids=[variant_id], note="", actor="test"
    )
    await inventory.record_counted(
        db, count_id=begun.count.id, counted=[(variant_id, 2)], actor="test"
    )
    await inventory.apply_count(db, count_id=begun.count.id, actor="test")


async def _cancel(checkout: Any, order_id: OrderId) -> None:
    await commands.cancel_order(
        checkout, order_id=order_id, reason=CancelReason.BUYER, actor=BUYER
    )


async def _send_back(checkout: Any, order_id: OrderId) -> None:
    """A unit was sent, came back, and is on the shelf."""
    await ship(checkout, order_id)
    line_id = (await look_at(checkout, order_id)).lines[0].id
    one: dict[str, Any] = {"order_id": order_id, "return_id": ReturnId(new_id()), "actor": BUYER}
    wanted = Wanted(line_id, 1, ReturnReason.CHANGED_MIND)
    await commands.request_return(checkout, lines=(wanted,), **one)
    await commands.move_return(checkout, event=ReturnEvent.APPROVE, **one)
    await commands.receive_return(checkout, **one)
    await commands.inspect_return(checkout, judged=(Judged(line_id, 1, 0),), **one)


async def _give_back(checkout: Any, order_id: OrderId) -> None:
    """One unit is given up, and the money of another goes back with the shipping."""
    placed = await look_at(checkout, order_id)
    lines = ((placed.lines[0].id, 1),)
    await commands.cancel_part(
        checkout, order_id=order_id, lines=lines, reason=CancelReason.BUYER, actor=BUYER
    )
    wish = Wish(lines=lines, has_shipping=True)
    await commands.refund_order(
        checkout, order_id=order_id, wish=wish, reason="a scratch", actor=BUYER
    )


async def _buy_by_card(
    checkout: Any, pretend: PretendProvider, variant_id: Any, quantity: int = 1
) -> OrderId:
    placed = await a_placed_order(checkout, [(variant_id, quantity)], provider="pretend")
    begun = await begin_payment(checkout, placed)
    assert begun.payment is not None
    pretend.pay(f"pp_{begun.payment.merchant_reference}")
    outcome = await commands.check_payment(checkout, begun.payment.id)
    assert outcome is not None
    assert outcome.effect == "paid"
    return placed.order.id


async def _dispute(checkout: Any, pretend: PretendProvider, variant_id: Any) -> None:
    """One is open, of a part; one is lost, with its goods; one is lost that were sent."""
    for number, state in enumerate((DisputeState.UNDER_REVIEW, *[DisputeState.LOST] * 2)):
        order_id = await _buy_by_card(checkout, pretend, variant_id)
        payment = (await look_at(checkout, order_id)).payment
        assert payment is not None
        if number == 2:
            await ship(checkout, order_id)
        amount = 100 if number == 0 else payment.requested_minor
        told = DisputeSnapshot(
            f"dp_{number}",
            Money(amount, payment.currency),
            DisputeStage.CHARGEBACK,
            state,
            "fraudulent",
            fee_minor=15,
        )
        pretend.dispute(f"pp_{payment.merchant_reference}", told)
        await commands.check_payment(checkout, payment.id)


async def _finish_refunds(url: str, db: Database, providers: Providers) -> None:
    """The worker comes by after the first lease."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "store"})
    try:
        await connection.execute(
            "UPDATE payment_operations SET next_attempt_at = store_now()"
            " WHERE next_attempt_at IS NOT NULL AND kind = 'refund'"
        )
    finally:
        await connection.close()
    async with a_checkout(db, providers=providers) as checkout:
        assert await commands.ask_due_operations(checkout) == 4


@asynccontextmanager
async def corrupted(url: str, *statements: str) -> AsyncIterator[Connection]:
    """The store as somebody left it who went past every trigger and every check."""
    raw = await asyncpg.connect(url, server_settings={"search_path": "store", "timezone": "UTC"})
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            for table in re.findall(r"(?:UPDATE|INTO) (\w+)", statement):
                await _drop_checks(raw, table)
            tag = await raw.execute(statement)
            assert not tag.endswith(" 0"), f"nothing was corrupted by {statement}"
        yield Connection(raw)
    finally:
        await transaction.rollback()
        await raw.close()


async def _drop_checks(raw: asyncpg.Connection[Any], table: str) -> None:
    names = await raw.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'",
        table,
    )
    for name in names:
        await raw.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name["conname"]}"')


def _held(column: str, value: str, ended_at: str) -> str:
    """What a bank is said to hold for a payment that was paid at once."""
    return (
        f"INSERT INTO payment_authorizations (payment_id, begun_at, capture_before, {column},"
        f" ended_at) SELECT id, now(), now(), {value}, {ended_at} FROM payments"
        " WHERE state = 'captured' AND provider = 'bank_transfer' LIMIT 1"
    )


#: code: (who fires with it, the corruption)
CORRUPTIONS: Final[dict[str, tuple[set[str], tuple[str, ...]]]] = {
    "SES1": (
        set(),
        ("UPDATE accounts SET disabled_at = now(), disabled_by = 'x' WHERE kind = 'staff'",),
    ),
    "SES2": (set(), ("UPDATE refresh_tokens SET used_at = now()",)),
    "SES3": (
        set(),
        (
            (
                "INSERT INTO account_roles (account_id, role_id, granted_by, granted_at) "
                "SELECT accounts.id, roles.id, 'x', now() FROM accounts, roles "
                "WHERE kind = 'customer'"
            ),
        ),
    ),
    "SES4": (
        set(),
        ("UPDATE accounts SET disabled_at = now(), disabled_by = 'x' WHERE kind = 'admin'",),
    ),
    "SES5": (set(), ("UPDATE account_letters SET sealed_token = 'x' WHERE used_at IS NOT NULL",)),
    "REV1": (set(), ("UPDATE review_counts SET count = count + 1",)),
    "REV2": (set(), ("UPDATE reviews SET version = version + 1",)),
    "OWN1": (set(), ("UPDATE account_orders SET placed_at = placed_at + interval '1 second'",)),
    "STK1": (
        set(),
        ("UPDATE stock_levels SET backorder_limit = -20 WHERE allocated > 0",),
    ),
    "STK2": (set(), ("UPDATE stock_levels SET on_hand = on_hand + 1",)),
    "STK3": (
        set(),
        (
            (
                "UPDATE stock_levels SET reserved = reserved + 1 WHERE reserved > 0"
                " AND reserved + allocated < on_hand"
            ),
        ),
    ),
    "STK4": (
        set(),
        ("UPDATE reservations SET state = 'released' WHERE state = 'committed'",),
    ),
    "STK5": (
        {"STK4"},
        (
            "UPDATE allocations SET quantity = quantity - 1 WHERE quantity > 2",
            (
                "UPDATE stock_levels AS level SET allocated = level.allocated - 1 FROM allocations"
                " WHERE allocations.variant_id = level.variant_id"
                " AND allocations.location_id = level.location_id AND quantity > 1"
            ),
        ),
    ),
    "STK6": (
        set(),
        (
            (
                "UPDATE orders SET canceled_at = now(), cancel_reason = 'unpaid'"
                " WHERE status = 'pending_payment'"
            ),
        ),
    ),
    "STK7": (set(), ("UPDATE stock_levels SET allocated = allocated - 1 WHERE allocated > 0",)),
    "STK8": (
        set(),
        (f"UPDATE reservations SET order_line_id = {SOME} order_lines) WHERE state = 'released'",),
    ),
    "STK9": (
        {"STK3", "CHG1"},
        ("UPDATE reservations SET quantity = quantity + 1 WHERE state = 'active'",),
    ),
    "STK10": (
        {"STK7", "SHP1", "SHP2", "LED6", "FRD1"},
        ("UPDATE allocations SET shipped_quantity = quantity + 1 WHERE released_quantity = 0",),
    ),
    "BKO1": (set(), ("UPDATE backorder_promises SET quantity = quantity + 1",)),
    "BKO2": (
        {"BKO3"},
        (
            (
                "UPDATE reservations SET created_at = reservations.created_at - interval '1 day'"
                " FROM backorder_promises AS promise"
                " WHERE reservations.order_line_id = promise.order_line_id"
            ),
        ),
    ),
    "BKO3": (set(), ("UPDATE backorder_promises SET told_at = now()",)),
    "BKO4": (
        set(),
        (
            (
                "INSERT INTO backorder_promises (order_line_id, order_id, variant_id, quantity,"
                " kind, created_at) SELECT id, order_id, variant_id, 1, 'backorder', now()"
                " FROM order_lines WHERE quantity = 12"
            ),
        ),
    ),
    "TRF1": (
        set(),
        (
            (
                "UPDATE stock_transfer_lines SET received_quantity = received_quantity - 1,"
                " returned_quantity = returned_quantity + 1 WHERE received_quantity > 0"
            ),
        ),
    ),
    "TRF2": (
        set(),
        (
            (
                "UPDATE stock_transfers SET state = 'received', ended_by = 'x', ended_at = now()"
                " WHERE state = 'in_transit'"
            ),
        ),
    ),
    "CNT1": (set(), ("UPDATE stock_count_lines SET counted = counted + 1",)),
    "LOC1": (set(), ("UPDATE locations SET priority = priority + 1",)),
    "SHP1": (
        set(),
        ("UPDATE orders SET fulfillment_status = 'shipped' WHERE status = 'paid'",),
    ),
    "SHP2": (
        {"SHP4", "AUD7"},
        (
            (
                "UPDATE fulfillments SET state = 'packed', shipped_at = NULL, packed_at = now()"
                " WHERE state = 'shipped'"
            ),
        ),
    ),
    "SHP3": (
        set(),
        (
            (
                "UPDATE fulfillment_lines SET quantity = quantity + 9 FROM fulfillments"
                " WHERE fulfillment_id = id AND state = 'open'"
            ),
        ),
    ),
    "SHP4": (
        {"STK2"},
        ("UPDATE stock_movements SET delta = delta - 1 WHERE reason = 'shipped'",),
    ),
    "SHP5": (
        set(),
        ("UPDATE orders SET fulfillment_status = 'delivered' WHERE status = 'shipped'",),
    ),
    "AUD7": (
        set(),
        ("UPDATE fulfillments SET version = version + 1 WHERE state = 'open'",),
    ),
    "MON1": (set(), ("UPDATE order_lines SET total_minor = total_minor + 1",)),
    "MON2": (
        set(),
        (
            (
                "UPDATE orders SET paid_minor = paid_minor + 1, total_minor = total_minor"
                " WHERE status = 'pending_payment'"
            ),
        ),
    ),
    "MON3": (
        {"MON2"},
        ("UPDATE orders SET refunded_minor = 1 WHERE status = 'pending_payment'",),
    ),
    "MON4": (
        set(),
        ("UPDATE orders SET payment_status = 'paid' WHERE status = 'pending_payment'",),
    ),
    "MON5": (set(), ("UPDATE refunds SET currency = 'EUR' WHERE state = 'requested'",)),
    "MON6": (
        {"GFT4"},
        ("UPDATE payments SET authorized_minor = requested_minor + 1",),
    ),
    "MON7": (
        set(),
        ("UPDATE refunds SET state = 'failed' WHERE state = 'requested'",),
    ),
    "MON8": (
        set(),
        (
            (
                "UPDATE payments SET requested_minor = requested_minor + 1"
                " WHERE state <> 'captured' AND gift_card_id IS NULL"
            ),
        ),
    ),
    "MON9": (
        {"LED6"},
        (
            (
                "UPDATE orders SET sold_at = now() WHERE id IN (SELECT order_id FROM payments"
                " WHERE state = 'authorized' AND gift_card_id IS NOT NULL)"
            ),
        ),
    ),
    "GFT1": ({"GFT4"}, ("UPDATE gift_cards SET balance_minor = balance_minor + 1",)),
    "GFT2": (
        set(),
        ("UPDATE gift_card_entries SET payment_id = gen_random_uuid() WHERE kind = 'redeem'",),
    ),
    "GFT3": (
        set(),
        ("UPDATE gift_card_entries SET refund_id = gen_random_uuid() WHERE kind = 'refund'",),
    ),
    "GFT4": (
        set(),
        (
            (
                "UPDATE ledger_entries SET account = 'gift_cards_granted' FROM ledger_journals"
                " WHERE journal_id = id AND kind = 'gift_card_issue'"
            ),
        ),
    ),
    "CPN1": (set(), ("UPDATE coupons SET used = used + 1",)),
    "CPN2": (set(), ("UPDATE orders SET coupon_code = NULL WHERE coupon_code IS NOT NULL",)),
    "CPN3": (set(), ("UPDATE orders SET adjustments = '[]' WHERE coupon_code IS NOT NULL",)),
    "DRF1": (
        set(),
        (
            (
                "UPDATE order_events SET reason = 'placed from a draft order'"
                " WHERE reason = 'placed' AND order_id IN (SELECT id FROM orders"
                " WHERE status = 'pending_payment')"
            ),
        ),
    ),
    "DRF2": (set(), ("UPDATE draft_orders SET version = version + 1",)),
    "RFD1": (
        set(),
        ("UPDATE refunds SET amount_minor = amount_minor + 1 WHERE state = 'requested'",),
    ),
    "RFD2": (
        {"LED4", "LED5"},
        ("UPDATE refunds SET state = 'succeeded' WHERE state = 'requested'",),
    ),
    "RFD3": (
        {"RFD2", "LED4", "LED5", "INV3"},
        (
            (
                "UPDATE refunds SET state = 'requested', ended_at = NULL"
                " WHERE state = 'succeeded' AND NOT is_of_sale"
            ),
        ),
    ),
    "LED1": (
        {"LED2"},
        (
            (
                "UPDATE ledger_entries SET amount_minor = amount_minor + 1"
                " WHERE account = 'shipping_income'"
            ),
        ),
    ),
    "LED2": (
        {"LED1", "CHG6"},
        ("UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE account LIKE 'sales'",),
    ),
    "LED3": (
        {"LED4"},
        (
            (
                "DELETE FROM ledger_entries USING ledger_journals WHERE journal_id = id"
                " AND kind = 'capture' AND order_id IN (SELECT order_id FROM refunds"
                " WHERE state = 'requested')"
            ),
            (
                "DELETE FROM ledger_journals WHERE kind = 'capture' AND order_id IN"
                " (SELECT order_id FROM refunds WHERE state = 'requested')"
            ),
        ),
    ),
    "LED4": (
        {"LED8"},
        (
            (
                "UPDATE ledger_journals SET order_id = (SELECT id FROM orders"
                " WHERE status = 'pending_payment' LIMIT 1)"
                " WHERE kind = 'refund'"
            ),
        ),
    ),
    "LED5": (
        {"LED4", "LED8", "GFT4"},
        (
            (
                "DELETE FROM ledger_entries USING ledger_journals WHERE journal_id = id"
                " AND kind = 'refund'"
            ),
            "DELETE FROM ledger_journals WHERE kind = 'refund'",
        ),
    ),
    "LED6": (
        {"INV5"},
        ("UPDATE ledger_journals SET kind = 'sale_credit' WHERE kind = 'sale'",),
    ),
    "RCV1": (set(), ("UPDATE orders SET owed_minor = owed_minor + 1 WHERE owed_minor > 0",)),
    "TRU1": (
        set(),
        (
            (
                "UPDATE payments SET terms = 'now' FROM orders WHERE order_id = orders.id"
                " AND terms = 'on_delivery' AND sold_at IS NULL"
            ),
        ),
    ),
    "DSP1": (set(), ("UPDATE payments SET dispute_moves = dispute_moves + 1",)),
    "DSP2": (
        {"LED4"},
        ("UPDATE disputes SET fee_minor = fee_minor + 1",),
    ),
    "DSP3": (set(), ("UPDATE dispute_events SET to_state = 'won' WHERE seq = 1",)),
    "DSP4": (
        set(),
        (
            (
                "UPDATE disputes SET answer_state = 'sending', answered_at = now(),"
                " answered_by = 'x'"
            ),
        ),
    ),
    "AUT1": (set(), (_held("capture_count", "0", "NULL"),)),
    "AUT2": (set(), (_held("renewal_count", "1", "now()"),)),
    "AUT3": ({"AUT1"}, (_held("capture_state", "'asked'", "NULL"),)),
    "CSH1": (set(), ("UPDATE cash_collections SET order_id = gen_random_uuid()",)),
    "CSH2": (set(), ("UPDATE cash_deposits SET counted_minor = counted_minor + 1",)),
    "STL1": (
        set(),
        ("UPDATE settlement_rows SET fee_minor = 30, net_minor = 970 WHERE line = 2",),
    ),
    "STL2": (
        set(),
        ("UPDATE settlement_rows SET gross_minor = -970, net_minor = -970 WHERE line = 3",),
    ),
    "STL3": (set(), ("UPDATE settlement_differences SET account = 'another'",)),
    "VND1": (
        set(),
        (
            (
                "UPDATE commission_lines SET commission_minor = commission_minor + 1"
                " WHERE order_line_id NOT IN (SELECT order_line_id FROM commission_lines"
                " WHERE net_minor < 0)"
            ),
        ),
    ),
    "VND2": (
        {"VND1"},
        (
            (
                "UPDATE commission_lines SET net_minor = net_minor * 9,"
                " commission_minor = commission_minor * 9 WHERE net_minor < 0"
            ),
        ),
    ),
    "VND3": (set(), ("UPDATE vendor_payouts SET amount_minor = amount_minor + 1",)),
    "VND4": (set(), ("UPDATE vendor_payout_events SET to_state = 'paid' WHERE seq = 2",)),
    "CAN1": ({"CHG3"}, ("UPDATE cancellation_lines SET quantity = quantity + 1",)),
    "CAN2": (
        set(),
        ("UPDATE orders SET canceled_minor = 1 WHERE status = 'pending_payment'",),
    ),
    "CHG1": (
        {"AUD10"},
        ("UPDATE order_changes SET state = 'lapsed' WHERE state = 'awaiting_payment'",),
    ),
    "CHG2": (
        set(),
        (
            (
                "UPDATE order_changes SET content = jsonb_set(content, '{lines,0,quantity}', '7')"
                " WHERE state = 'applied'"
            ),
        ),
    ),
    "CHG3": (
        set(),
        (
            (
                "UPDATE order_changes"
                " SET content = jsonb_set(content, '{given_up,0,quantity}', '7')"
                " WHERE state = 'applied' AND given_up_minor > 0"
            ),
        ),
    ),
    "CHG4": (
        set(),
        ("UPDATE orders SET change_count = change_count + 1 WHERE change_count > 0",),
    ),
    "CHG5": (
        {"MON8"},
        (
            (
                "UPDATE order_changes SET payment_id = (SELECT id FROM payments"
                " WHERE state <> 'captured' AND review_reason IS NULL AND id NOT IN"
                " (SELECT payment_id FROM order_changes WHERE payment_id IS NOT NULL) LIMIT 1)"
                " WHERE state = 'applied' AND payment_id IS NOT NULL"
            ),
        ),
    ),
    "CHG6": (
        set(),
        ("UPDATE ledger_journals SET reference = gen_random_uuid() WHERE kind = 'sale_addition'",),
    ),
    "CHG7": (
        set(),
        (
            (
                "UPDATE refunds SET return_id = NULL WHERE return_id IS NOT NULL"
                " AND store_credit_id IS NOT NULL"
            ),
        ),
    ),
    "AUD10": (
        set(),
        ("UPDATE order_change_events SET to_state = 'canceled' WHERE to_state = 'applied'",),
    ),
    "FRD1": (
        set(),
        (
            (
                "UPDATE payments SET review_reason = 'fraud_signals' WHERE id IN"
                " (SELECT payment_id FROM payment_reviews WHERE decision = 'reject')"
            ),
        ),
    ),
    "FRD2": (
        set(),
        ("UPDATE payment_reviews SET decision = 'reject' WHERE reason = 'fraud_signals'",),
    ),
    "FRD3": (
        set(),
        ("UPDATE payments SET review_reason = NULL WHERE review_reason = 'fraud_signals'",),
    ),
    "RET1": (
        set(),
        ("UPDATE return_lines SET received_quantity = 0",),
    ),
    "RET2": (
        {"RET1"},
        ("UPDATE order_lines SET returned_quantity = 2 WHERE returned_quantity = 1",),
    ),
    "RET3": (
        set(),
        ("UPDATE stock_movements SET reference = 'nothing' WHERE reason = 'returned'",),
    ),
    "AUD9": (
        set(),
        ("UPDATE return_events SET to_state = 'rejected' WHERE to_state = 'approved'",),
    ),
    "RFD4": (
        set(),
        (("UPDATE refunds SET shipping_minor = 1 WHERE state = 'succeeded' AND NOT is_of_sale"),),
    ),
    "RFD5": (
        set(),
        (
            (
                "UPDATE order_lines SET refunded_quantity = refunded_quantity + 1"
                " WHERE refunded_quantity > 0 AND quantity > 1"
            ),
        ),
    ),
    "RFD6": (
        {"RFD5"},
        (("UPDATE order_lines SET refunded_quantity = quantity WHERE refunded_quantity > 0"),),
    ),
    "LED7": (
        set(),
        (
            (
                "UPDATE ledger_entries SET amount_minor = amount_minor + CASE account"
                " WHEN 'tax_payable' THEN 1 ELSE -1 END FROM ledger_journals"
                " WHERE journal_id = id AND kind = 'sale'"
                " AND account IN ('tax_payable', 'sales')"
            ),
        ),
    ),
    "LED8": (
        set(),
        (
            (
                "UPDATE ledger_entries SET account = 'suspense' FROM ledger_journals"
                " WHERE journal_id = id AND kind = 'refund' AND account = 'customer_deposits'"
            ),
        ),
    ),
    "PAY1": (
        set(),
        (
            (
                "UPDATE payment_operations SET state = 'declined', next_attempt_at = NULL"
                " WHERE state IN ('pending', 'unknown')"
            ),
        ),
    ),
    "PAY2": (
        set(),
        ("UPDATE payment_operations SET next_attempt_at = NULL WHERE ended_at IS NULL",),
    ),
    "PAY3": (
        set(),
        ("DELETE FROM payments WHERE state = 'requires_action' AND provider = 'bank_transfer'",),
    ),
    "PAY4": (
        set(),
        (
            (
                "INSERT INTO ledger_journals (id, kind, reference, order_id, posted_at)"
                " SELECT '00000000-0000-7000-8000-000000000001', 'suspense', id, order_id, now()"
                "   FROM payments WHERE state = 'unknown'"
            ),
            (
                "INSERT INTO ledger_entries (journal_id, position, account, currency,"
                " amount_minor) VALUES"
                " ('00000000-0000-7000-8000-000000000001', 0, 'provider_clearing:p', 'USD', 1),"
                " ('00000000-0000-7000-8000-000000000001', 1, 'suspense', 'USD', -1)"
            ),
        ),
    ),
    "WHK1": (
        set(),
        (
            (
                "INSERT INTO webhook_events (id, provider, account, dedup_key, kind, raw_body,"
                " state, received_at, last_seen_at) VALUES (gen_random_uuid(), 'p', 'a', 'k',"
                " 'paid', '',"
                " 'received', now(), now())"
            ),
        ),
    ),
    "AUD1": (set(), ("UPDATE orders SET version = version + 1",)),
    "AUD2": (
        set(),
        (
            (
                "UPDATE order_events SET from_status = 'payment_failed'"
                " WHERE from_status = 'pending_payment' AND to_status = 'paid'"
            ),
        ),
    ),
    "AUD3": (
        {"AUD2"},
        ("UPDATE order_events SET from_status = 'delivered' WHERE to_status = 'paid'",),
    ),
    "AUD4": (set(), ("UPDATE payments SET version = version + 1",)),
    "AUD5": (
        {"AUD6"},
        (
            (
                "UPDATE payment_events SET from_state = 'captured'"
                " WHERE seq = 2 AND to_state = 'captured'"
            ),
        ),
    ),
    "AUD6": (
        set(),
        (
            (
                "UPDATE payment_events SET from_state = 'authorized'"
                " WHERE seq = 2 AND to_state = 'requires_action'"
            ),
        ),
    ),
    "OUT1": (
        set(),
        ("DELETE FROM outbox WHERE topic = 'order.paid'",),
    ),
    "OUT2": (set(), ("UPDATE outbox SET published_at = NULL",)),
    "IDM1": (set(), ("UPDATE idempotency_keys SET response = NULL WHERE state = 'done'",)),
    "IDM2": (
        set(),
        ("UPDATE idempotency_keys SET status = 200 WHERE state = 'done'",),
    ),
    "IDM3": (
        set(),
        (
            (
                "INSERT INTO idempotency_keys (scope, key, request_hash, state, subject_id,"
                " created_at, expires_at) SELECT scope, key || '+', request_hash, 'placed',"
                " subject_id, created_at, expires_at FROM idempotency_keys"
            ),
        ),
    ),
    "AUD11": (
        set(),
        ("UPDATE audit_entries SET actor = 'nobody' WHERE seq = 2",),
    ),
    "SET1": (
        set(),
        ("INSERT INTO settings VALUES ('grace_minutes', '5', 'nobody', now())",),
    ),
    "INV1": (
        set(),
        ("UPDATE document_series SET last_seq = last_seq + 1 WHERE series LIKE 'INV%'",),
    ),
    "INV2": (
        set(),
        (
            (
                "UPDATE documents SET content = jsonb_set(content, '{taxes,0,net_minor}', '1')"
                " WHERE kind = 'invoice'"
            ),
        ),
    ),
    "INV3": (
        set(),
        ("UPDATE documents SET refund_id = gen_random_uuid() WHERE kind = 'credit_note'",),
    ),
    "INV4": (
        {"INV2"},
        (
            (
                "UPDATE documents SET net_minor = net_minor + 1, tax_minor = tax_minor - 1"
                " WHERE kind = 'credit_note'"
            ),
        ),
    ),
    "INV5": (
        set(),
        (
            (
                "UPDATE documents SET order_id = waiting.id, total_minor = waiting.total_minor,"
                " tax_minor = waiting.tax_minor,"
                " net_minor = waiting.total_minor - waiting.tax_minor,"
                " content = jsonb_set(content, '{taxes}', jsonb_build_array(jsonb_build_object("
                " 'net_minor', waiting.total_minor - waiting.tax_minor,"
                " 'tax_minor', waiting.tax_minor)))"
                " FROM orders AS waiting WHERE waiting.status = 'pending_payment'"
                " AND documents.kind = 'packing_slip'"
            ),
        ),
    ),
    "INV6": (
        set(),
        (
            "DELETE FROM documents WHERE kind = 'credit_note'",
            "DELETE FROM document_series WHERE series LIKE 'CRN%'",
        ),
    ),
    "JOB1": (
        set(),
        (
            "DROP INDEX pgqueuer_unique_dedupe_key",
            (
                "INSERT INTO pgqueuer (priority, status, entrypoint, dedupe_key)"
                " VALUES (0, 'queued', 'publish', 'same'), (0, 'picked', 'publish', 'same')"
            ),
        ),
    ),
    "JOB2": (
        set(),
        (
            (
                "INSERT INTO pgqueuer_schedules (expression, entrypoint, status, heartbeat)"
                " VALUES ('* * * * *', 'gone', 'picked', now() - interval '6 minutes')"
            ),
        ),
    ),
    "END1": (
        set(),
        (
            (
                "UPDATE payments SET state = 'unknown', version = version WHERE state = 'failed'"
                " OR (state = 'unknown' AND provider = 'pretend')"
            ),
        ),
    ),
    "END2": (
        set(),
        ("UPDATE reservations SET expires_at = now() WHERE state = 'active'",),
    ),
    "END3": (
        {"END2", "OWN1"},
        (
            "UPDATE reservations SET expires_at = now() WHERE state = 'active'",
            (
                "UPDATE orders SET placed_at = now() - interval '25 hours'"
                " WHERE status = 'pending_payment'"
            ),
        ),
    ),
    "END4": (
        set(),
        (
            (
                "INSERT INTO webhook_events (id, provider, account, dedup_key, kind, raw_body,"
                " state, received_at, last_seen_at, next_attempt_at)"
                " VALUES (gen_random_uuid(), 'p', 'a',"
                " 'k', 'paid', '', 'received', now(), now(), now())"
            ),
        ),
    ),
}
#: What a store under way has: one lost answer.
AT_REST_HERE: Final = {"END1"}


async def test_store_that_only_commands_touched_breaks_nothing(store: str) -> None:
    async with Database(Settings(url=store)) as db, db.connection() as connection:
        assert await check_invariants(connection) == {}
        assert set(await check_invariants(connection, at_rest=True)) == AT_REST_HERE


async def test_empty_store_breaks_nothing(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection, at_rest=True) == {}


def test_every_invariant_has_a_corruption() -> None:
    assert set(CORRUPTIONS) == {invariant.code for invariant in list_invariants()}


def test_allowed_moves_of_a_payment_are_those_of_its_machine() -> None:
    query = next(row.query for row in list_invariants() if row.code == "AUD6")

    stated = re.findall(r"\('(\w+)', '(\w+)'\)", query)

    moves = [(before.value, after.value) for (before, _), after in PAYMENT.table.items()]
    assert sorted(stated) == sorted(moves)


@pytest.mark.parametrize("code", CORRUPTIONS)
async def test_corruption_fires(store: str, code: str) -> None:
    companions, statements = CORRUPTIONS[code]
    is_quiescent = {row.code: row.is_quiescent for row in list_invariants()}[code]

    async with corrupted(store, *statements) as connection:
        found = await check_invariants(connection, at_rest=is_quiescent)

    expected = {code, *companions} | (AT_REST_HERE if is_quiescent else set())
    assert set(found) == expected


async def test_at_rest_is_asked_for(store: str) -> None:
    async with corrupted(store, "UPDATE outbox SET published_at = NULL") as connection:
        assert await check_invariants(connection) == {}


async def test_rows_of_one_code_are_bounded(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "ROWS_MAX", 2)

    async with corrupted(store, "UPDATE orders SET version = version + 1") as connection:
        found = await check_invariants(connection)

    assert len(found["AUD1"]) == 2


async def test_check_changes_nothing_and_sees_one_snapshot(db: Database) -> None:
    async with db.connection() as connection, invariants._snapshot(connection):
        assert await connection.raw.fetchval("SHOW transaction_read_only") == "on"
        assert await connection.raw.fetchval("SHOW transaction_isolation") == "repeatable read"


async def test_watch_rests_in_proportion_to_its_work(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(db)
    await watch.check()
    first = watch.last
    assert first is not None

    await watch.check()
    assert watch.last is first

    monkeypatch.setattr(clock, "monotonic_seconds", _later(19 * first.duration_ms / 1000 + 1))
    await watch.check()
    assert watch.last is not first


def _later(seconds: float) -> Callable[[], float]:
    began = clock.monotonic_seconds()
    return lambda: began + seconds


async def test_watch_logs_every_broken_code_and_keeps_the_report(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "REST_FACTOR", 0)
    watch = Watch(db)
    assert await watch.check() == 0
    async with db.transaction() as tx:
        await tx.raw.execute("INSERT INTO settings VALUES ('grace_minutes', '5', 'x', now())")

    with capture_logs() as lines:
        assert await watch.check() == 1

    assert watch.last is not None
    assert set(watch.last.violations) == {"SET1"}
    assert [(line["log_level"], line["code"]) for line in lines] == [("error", "SET1")]


def test_files_hold_nothing_but_blocks() -> None:
    codes = [row.code for row in list_invariants()]

    assert len(codes) == len(set(codes))
    assert all(row.sentence.endswith(".") for row in list_invariants())
