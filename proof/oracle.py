"""The judge of money: the provider's own report against what the shop says it took and gave.

REC1 of the invariants. No table of ours holds a provider's report, so it is a function and not a
query. Where the two disagree the provider is right about what moved; nothing is corrected here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db import Connection
from surehold.kernel.ids import parse_merchant_reference

PROVIDER: Final = "sandbox"
CAME_BACK: Final = "refund_taken_back"

_PAYMENTS: Final = """
    /* proof.list_payments */
    SELECT id, provider_payment_id, currency::text AS currency, captured_minor,
           disputed_minor, lost_minor, review_reason
      FROM payments
     WHERE provider = $1
"""
# Money under suspense is money that the shop knows it has, though nobody knows yet what for.
_SUSPENDED: Final = """
    /* proof.list_suspended */
    SELECT journal.reference AS payment_id, entry.currency::text AS currency,
           sum(entry.amount_minor)::bigint AS amount_minor
      FROM ledger_journals AS journal
      JOIN ledger_entries AS entry ON entry.journal_id = journal.id
     WHERE journal.kind = 'suspense'
       AND entry.account = 'provider_clearing:' || $1
     GROUP BY journal.reference, entry.currency
"""
_REFUNDS: Final = """
    /* proof.list_refunds */
    SELECT refund.id, refund.provider_refund_id, refund.payment_id,
           refund.currency::text AS currency, refund.amount_minor,
           refund.reason = 'refunded at the provider' AS is_foreign
      FROM refunds AS refund
      JOIN payments AS payment ON payment.id = refund.payment_id
     WHERE payment.provider = $1
       AND refund.state = 'succeeded'
       AND refund.store_credit_id IS NULL
"""


class _Line(msgspec.Struct, frozen=True):
    """One line of the report. ``amount`` is signed: what the shop gains, in minor units."""

    type: str
    id: str
    payment: str
    merchant_reference: str
    refund_reference: str | None
    amount: int
    currency: str


#: A payment of ours and a currency, to an amount in minor units.
_Sums = Counter[tuple[UUID, str]]


async def reconcile(
    connection: Connection, report: Sequence[Mapping[str, Any]], *, provider: str = PROVIDER
) -> list[str]:
    """Where the report of one provider and our books disagree, a sentence each; empty is good.

    ``report`` has the lines of the sandbox's ``GET /v1/report``. Compared in both directions:
    captures per payment and currency, refunds one by one with id, amount and currency, disputes
    per payment. Holds at quiescence only.

    What moved at the provider alone is no finding for a payment that a person was already asked to
    look at (``review_reason``). What only we claim is a finding always, but for a refund that came
    back and was parked for that.
    """
    lines = [msgspec.convert(dict(line), _Line) for line in report]
    payments = {row["id"]: row for row in await connection.raw.fetch(_PAYMENTS, provider)}
    suspended = await connection.raw.fetch(_SUSPENDED, provider)
    refunds = await connection.raw.fetch(_REFUNDS, provider)

    findings: list[str] = []
    known: list[tuple[UUID, _Line]] = []
    for line in lines:
        payment_id = parse_merchant_reference(line.merchant_reference)
        payment = None if payment_id is None else payments.get(payment_id)
        if payment_id is None or payment is None:
            findings.append(f"{line.type} {line.id}: of {line.payment}, which we do not know")
            continue
        if payment["provider_payment_id"] not in (None, line.payment):
            findings.append(
                f"{line.type} {line.id}: {payment_id} is {line.payment} at the provider"
                f" and {payment['provider_payment_id']} with us"
            )
        known.append((payment_id, line))

    in_review = {key for key, row in payments.items() if row["review_reason"] is not None}
    ours: _Sums = Counter()
    for key, row in payments.items():
        ours[key, row["currency"]] += row["captured_minor"]
    for row in suspended:
        ours[row["payment_id"], row["currency"]] += row["amount_minor"]
    findings += _compare("captured", _sum(known, {"capture"}, sign=1), ours, in_review)

    disputed: _Sums = Counter(
        {
            (key, row["currency"]): row["disputed_minor"] + row["lost_minor"]
            for key, row in payments.items()
        }
    )
    taken_back = _sum(known, {"dispute", "dispute_reversal"}, sign=-1)
    findings += _compare("disputed", taken_back, disputed, in_review)
    findings += _compare_refunds(known, refunds, in_review)
    came_back = {key for key, row in payments.items() if row["review_reason"] == CAME_BACK}
    said = {line.id for line in lines}
    findings += [
        f"refund {row['id']}: {row['amount_minor']} {row['currency']}, which the provider never"
        f" sent ({row['provider_refund_id']})"
        for row in refunds
        if row["provider_refund_id"] not in said and row["payment_id"] not in came_back
    ]
    return findings


def _sum(known: Iterable[tuple[UUID, _Line]], types: set[str], *, sign: int) -> _Sums:
    sums: _Sums = Counter()
    for payment_id, line in known:
        if line.type in types:
            sums[payment_id, line.currency] += sign * line.amount
    return sums


def _compare(what: str, theirs: _Sums, ours: _Sums, in_review: set[UUID]) -> list[str]:
    findings = []
    for payment_id, currency in sorted(theirs.keys() | ours.keys()):
        said, booked = theirs[payment_id, currency], ours[payment_id, currency]
        if said == booked or (said > booked and payment_id in in_review):
            continue
        findings.append(
            f"{payment_id}: the provider {what} {said} {currency}, our books say {booked}"
        )
    return findings


def _compare_refunds(
    known: Iterable[tuple[UUID, _Line]],
    refunds: Iterable[Mapping[str, Any]],
    in_review: set[UUID],
) -> list[str]:
    findings = []
    ours = {row["provider_refund_id"]: row for row in refunds}
    for payment_id, line in known:
        if line.type != "refund":
            continue
        row = ours.get(line.id)
        if row is None:
            if payment_id not in in_review:
                findings.append(f"refund {line.id}: {-line.amount} {line.currency}, not booked")
            continue
        # One that somebody began at the provider has no reference of ours.
        reference = None if row["is_foreign"] else str(row["id"])
        booked = (reference, row["payment_id"], row["amount_minor"], row["currency"])
        said = (line.refund_reference, payment_id, -line.amount, line.currency)
        if booked != said:
            findings.append(f"refund {line.id}: the provider says {said}, our books {booked}")
    return findings
