"""Bookkeeping, as actors: commission that follows the ledger, payouts of vendors, and reports."""

from __future__ import annotations

from datetime import UTC, datetime

from proof.commands import exercises
from proof.explorer.actors import BOUGHT, UNPAID, Place, S, part
from proof.explorer.scene import CURRENCY, STAFF
from surehold.checkout import commands
from surehold.kernel.money import Money
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts import queries
from surehold.orders.vendor_accounts.errors import (
    BankReferenceUsed,
    NothingToPayOut,
    PayoutBatchNotMovable,
    PayoutNotCovered,
)
from surehold.payments.reconciliation import commands as reconciliation
from surehold.payments.reconciliation import queries as reports
from surehold.payments.reconciliation.commands import ReportFile
from surehold.payments.reconciliation.errors import DifferenceEnded
from surehold.payments.reconciliation.model import DifferenceState

_AT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
#: Orders that are a sale, or become one while somebody looks.
_SELLING = (*BOUGHT, *UNPAID, S.COLLECTED)


@part(*_SELLING)
@exercises(vendor_accounts.post_commissions)
async def commission(at: Place) -> int:
    """What of the order was sold is commissioned, while it is sold, given up or paid back."""
    return await vendor_accounts.post_commissions(at.seat.db, order_id=at.subject.order_id)


@part(*BOUGHT, is_over_all=True)
@exercises(vendor_accounts.post_due_commissions)
async def commission_all(at: Place) -> int:
    """Whatever is behind is commissioned."""
    return await vendor_accounts.post_due_commissions(at.seat.db, limit=20)


@part(
    *BOUGHT, refusals=(NothingToPayOut, PayoutBatchNotMovable, PayoutNotCovered), is_over_all=True
)
@exercises(
    vendor_accounts.propose_payouts,
    vendor_accounts.approve_payouts,
    vendor_accounts.pay_payouts,
)
async def pay_vendors(at: Place) -> str:
    """Vendors are paid all that they are owed; somebody else pays them, too."""
    await vendor_accounts.post_commissions(at.seat.db, order_id=at.subject.order_id)
    whole = await vendor_accounts.propose_payouts(
        at.seat.db, minimum=Money(1, CURRENCY), hold_days=0, actor=STAFF.name
    )
    batch_id = whole.batch.id
    await vendor_accounts.approve_payouts(at.seat.db, batch_id=batch_id, actor=STAFF.name)
    paid = await vendor_accounts.pay_payouts(
        at.seat.db, batch_id=batch_id, bank_reference=str(batch_id), actor=STAFF.name
    )
    return paid.batch.state.value


@part(
    *BOUGHT,
    refusals=(PayoutBatchNotMovable, PayoutNotCovered, BankReferenceUsed),
    is_over_all=True,
)
@exercises(
    vendor_accounts.cancel_payouts, vendor_accounts.approve_payouts, vendor_accounts.pay_payouts
)
async def move_a_batch(at: Place) -> str:
    """The newest batch, whosever it is, is approved, paid or given up."""
    async with at.seat.db.connection() as connection:
        found = (await queries.list_batches(connection, limit=1)).items
    if not found:
        return "none"
    batch_id = found[0].id
    move = at.seat.chance.choice(("approve", "pay", "cancel"))
    if move == "approve":
        done = await vendor_accounts.approve_payouts(
            at.seat.db, batch_id=batch_id, actor=STAFF.name
        )
    elif move == "cancel":
        done = await vendor_accounts.cancel_payouts(
            at.seat.db, batch_id=batch_id, actor=STAFF.name
        )
    else:
        done = await vendor_accounts.pay_payouts(
            at.seat.db, batch_id=batch_id, bank_reference=at.subject.key, actor=STAFF.name
        )
    return done.batch.state.value


@part(S.SOLD, S.TRANSFER_SOLD, S.PAID_THERE, S.PART_ASKED)
@exercises(reconciliation.import_report)
async def take_in_a_report(at: Place) -> tuple[int, bool]:
    """The same rows come in the same file, or in another with one row more."""
    key = at.subject.key
    lines = [
        "id,type,payment,reference,gross,fee,net,currency,payout,created_at",
        f"{key}-c,capture,{key},,1000,29,971,{CURRENCY},{key}-p,{_AT}",
        f"{key}-p,payout,,,-971,0,-971,{CURRENCY},{key}-p,{_AT}",
    ]
    if at.seat.chance.random() < 0.5:
        more = f"{key}-{at.seat.name}"
        lines.append(f"{more},capture,{more},,500,14,486,{CURRENCY},,{_AT}")
    file = ReportFile("sandbox", "proof", "\n".join(lines).encode())
    done = await reconciliation.import_report(at.seat.db, file=file, actor=STAFF.name)
    return done.new_count, done.is_known


@part(
    S.SOLD,
    S.TRANSFER_SOLD,
    S.PAID_THERE,
    S.PART_ASKED,
    refusals=(DifferenceEnded,),
    is_over_all=True,
)
@exercises(
    reconciliation.resolve_difference,
    reconciliation.explain_differences,
    commands.look_into_differences,
)
async def look_at_differences(at: Place) -> str:
    """Somebody resolves the oldest difference, or the sweeper looks at all of them."""
    if at.seat.chance.random() < 0.5:
        await commands.look_into_differences(at.seat.checkout)
        return f"{await reconciliation.explain_differences(at.seat.db)} explained"
    async with at.seat.db.connection() as connection:
        found = (
            await reports.list_differences(connection, state=DifferenceState.OPEN, limit=1)
        ).items
    if not found:
        return "none"
    done = await reconciliation.resolve_difference(
        at.seat.db, difference_id=found[0].id, note=at.seat.name, actor=STAFF.name
    )
    return done.state.value
