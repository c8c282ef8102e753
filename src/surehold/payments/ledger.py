"""Postings: which accounts a fact touches. Pure.

    provider_clearing:<provider>   what the provider owes us          (asset)
    customer_deposits              paid, and not yet a sale           (liability)
    sales, shipping_income         net of tax, sales per vendor       (income)
    tax_payable                    what the tax office will get       (liability)
    suspense                       money that nobody can explain yet  (liability)
    gift_card_liability            on gift cards and store credit     (liability)
    gift_cards_granted             given away as such                 (expense)
    receivable                     sent unpaid, and owed for          (asset)
    bank                           cash that was paid in              (asset)
    cash_differences               cash that was counted otherwise    (expense)
    provider_fees                  what providers keep                (expense)
    vendor_sales                   of the sales, what vendors sold    (less income)
    vendor_payable                 what vendors will get              (liability)
    commission_income              what the store keeps of theirs     (income)
    disputes                       held back until it is decided      (asset)
    dispute_losses                 what buyers' banks gave back       (expense)
    dispute_fees                   what providers take for a dispute  (expense)

A capture fills the deposits; the sale empties them; a sale taken back, whole or in part, fills
them again; a refund pays them out. So the deposits of a settled order come to zero, whatever
happened on the way. A gift card pays out of what the store owes its holder, as a provider does out
of what it owes the store, and is captured and refunded alike. What is sent before its money comes
is owed: the receivable stands in for the money among the deposits, until it is paid or given up.
What a provider keeps and pays out leaves its clearing account with what its own reports say, so
that the account is what the provider still holds.
What is disputed is out of what the provider owes us until it is decided. What is lost is an
expense, or comes out of the deposits where the sale that it paid for was taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from surehold.kernel.ids import OrderId, VendorId, new_id
from surehold.payments.model import GIFT_CARD, Entry, Journal

DEPOSITS: Final = "customer_deposits"
SALES: Final = "sales"
SHIPPING: Final = "shipping_income"
TAX: Final = "tax_payable"
SUSPENSE: Final = "suspense"
GIFT_CARDS: Final = "gift_card_liability"
GRANTED: Final = "gift_cards_granted"
RECEIVABLE: Final = "receivable"
BANK: Final = "bank"
DIFFERENCES: Final = "cash_differences"
PROVIDER_FEES: Final = "provider_fees"
VENDOR_SALES: Final = "vendor_sales"
VENDOR_PAYABLE: Final = "vendor_payable"
COMMISSION: Final = "commission_income"
DISPUTES: Final = "disputes"
LOSSES: Final = "dispute_losses"
DISPUTE_FEES: Final = "dispute_fees"


class SaleParts(msgspec.Struct, frozen=True):
    """What a sale is made of, in minor units."""

    total_minor: int
    tax_minor: int
    shipping_net_minor: int
    #: Net of each line, with its vendor.
    lines: tuple[tuple[VendorId, int], ...]


class VendorPart(msgspec.Struct, frozen=True):
    """What of a sale is one vendor's: its net, and the commission that the store keeps of it."""

    vendor_id: VendorId
    net_minor: int
    commission_minor: int


def clearing(provider: str) -> str:
    """The account of what a provider owes us; of gift cards, what we owe their holders."""
    return GIFT_CARDS if provider == GIFT_CARD else f"provider_clearing:{provider}"


def capture(
    *, payment_id: UUID, order_id: OrderId, provider: str, currency: str, amount_minor: int
) -> Journal:
    """Money was collected."""
    return _journal(
        "capture",
        payment_id,
        order_id,
        currency,
        [Entry(clearing(provider), amount_minor), Entry(DEPOSITS, -amount_minor)],
    )


def suspense(
    *, payment_id: UUID, order_id: OrderId, provider: str, currency: str, amount_minor: int
) -> Journal:
    """Money was collected that does not match what was asked; a person must look."""
    return _journal(
        "suspense",
        payment_id,
        order_id,
        currency,
        [Entry(clearing(provider), amount_minor), Entry(SUSPENSE, -amount_minor)],
    )


def refund(
    *, refund_id: UUID, order_id: OrderId, provider: str, currency: str, amount_minor: int
) -> Journal:
    """Money went back; as store credit (``provider`` is ``GIFT_CARD``) it is owed on."""
    return _journal(
        "refund",
        refund_id,
        order_id,
        currency,
        [Entry(DEPOSITS, amount_minor), Entry(clearing(provider), -amount_minor)],
    )


def sale(*, reference: UUID, order_id: OrderId, currency: str, parts: SaleParts) -> Journal:
    """A paid order became a sale; ``reference`` is the payment that made it one."""
    return _journal("sale", reference, order_id, currency, _sale_entries(parts, sign=1))


def sale_addition(
    *, reference: UUID, order_id: OrderId, currency: str, parts: SaleParts
) -> Journal:
    """A sale was added to; ``reference`` is the change of the order."""
    return _journal("sale_addition", reference, order_id, currency, _sale_entries(parts, sign=1))


def sale_reversal(
    *, reference: UUID, order_id: OrderId, currency: str, parts: SaleParts
) -> Journal:
    """A sale was taken back; the money waits among the deposits to be refunded."""
    return _journal("sale_reversal", reference, order_id, currency, _sale_entries(parts, sign=-1))


def sale_credit(*, reference: UUID, order_id: OrderId, currency: str, parts: SaleParts) -> Journal:
    """A part of a sale was taken back; ``reference`` is the refund or the cancellation."""
    return _journal("sale_credit", reference, order_id, currency, _sale_entries(parts, sign=-1))


def receivable(
    *, payment_id: UUID, order_id: OrderId, currency: str, amount_minor: int
) -> Journal:
    """Goods were sent unpaid; ``payment_id`` is the payment that they were trusted to."""
    entries = [Entry(RECEIVABLE, amount_minor), Entry(DEPOSITS, -amount_minor)]
    return _journal("receivable", payment_id, order_id, currency, entries)


def receivable_paid(
    *, payment_id: UUID, order_id: OrderId, currency: str, amount_minor: int
) -> Journal:
    """So much of what was owed came, with this payment."""
    entries = [Entry(DEPOSITS, amount_minor), Entry(RECEIVABLE, -amount_minor)]
    return _journal("receivable_paid", payment_id, order_id, currency, entries)


def receivable_canceled(*, order_id: OrderId, currency: str, amount_minor: int) -> Journal:
    """What was owed is not any more: the goods were refused."""
    entries = [Entry(DEPOSITS, amount_minor), Entry(RECEIVABLE, -amount_minor)]
    return _journal("receivable_canceled", order_id, order_id, currency, entries)


def cash_deposit(
    *, deposit_id: UUID, provider: str, currency: str, collected_minor: int, counted_minor: int
) -> Journal:
    """Collected cash was paid in; what the bank counted otherwise is a difference."""
    entries = [
        Entry(BANK, counted_minor),
        Entry(DIFFERENCES, collected_minor - counted_minor),
        Entry(clearing(provider), -collected_minor),
    ]
    return _journal("cash_deposit", deposit_id, None, currency, entries)


def provider_fee(*, row_id: UUID, provider: str, currency: str, fee_minor: int) -> Journal:
    """A provider kept something; negative, it gave a fee back."""
    entries = [Entry(PROVIDER_FEES, fee_minor), Entry(clearing(provider), -fee_minor)]
    return _journal("provider_fee", row_id, None, currency, entries)


def provider_payout(*, row_id: UUID, provider: str, currency: str, paid_minor: int) -> Journal:
    """A provider paid out what it held; negative, a payout came back to it."""
    entries = [Entry(BANK, paid_minor), Entry(clearing(provider), -paid_minor)]
    return _journal("provider_payout", row_id, None, currency, entries)


def commission(
    *, sale_journal_id: UUID, order_id: OrderId, currency: str, parts: Sequence[VendorPart]
) -> Journal:
    """Of what was sold, vendors have their part, and the store keeps its commission."""
    entries = _vendor_entries(parts)
    return _journal("commission", sale_journal_id, order_id, currency, entries)


def commission_reversal(
    *, sale_journal_id: UUID, order_id: OrderId, currency: str, parts: Sequence[VendorPart]
) -> Journal:
    """Of what was taken back, vendors give back their part; amounts are negative."""
    entries = _vendor_entries(parts)
    return _journal("commission_reversal", sale_journal_id, order_id, currency, entries)


def vendor_payout(
    *, batch_id: UUID, currency: str, payouts: Sequence[tuple[VendorId, int]]
) -> Journal:
    """Vendors were paid, with one transfer file."""
    entries = [Entry(VENDOR_PAYABLE, amount, vendor_id) for vendor_id, amount in payouts]
    entries.append(Entry(BANK, -sum(amount for _, amount in payouts)))
    return _journal("vendor_payout", batch_id, None, currency, entries)


def _vendor_entries(parts: Sequence[VendorPart]) -> list[Entry]:
    entries = []
    for part in parts:
        share_minor = part.net_minor - part.commission_minor
        entries += [
            Entry(VENDOR_SALES, part.net_minor, part.vendor_id),
            Entry(VENDOR_PAYABLE, -share_minor, part.vendor_id),
            Entry(COMMISSION, -part.commission_minor, part.vendor_id),
        ]
    return entries


class Disputed(msgspec.Struct, frozen=True):
    """Where the money of a dispute is; what is neither away nor lost is with the provider."""

    away_minor: int = 0
    lost_minor: int = 0
    #: Of what is lost: out of the deposits, and no expense.
    unearned_minor: int = 0


def dispute_moved(
    *,
    event_id: UUID,
    order_id: OrderId,
    provider: str,
    currency: str,
    before: Disputed,
    after: Disputed,
) -> list[Journal]:
    """A dispute came further, or back: what the provider holds, and what is lost.

    Whatever it moves passes through ``disputes``, so that every way from one standing to another
    is made of three steps: out of the provider's hands or back from a loss, back into them, lost.
    """
    back = before.away_minor + before.lost_minor
    held = after.away_minor + after.lost_minor
    stays = min(back, held)
    opened = [
        Entry(DISPUTES, before.lost_minor + held - stays),
        Entry(DEPOSITS, -before.unearned_minor),
        Entry(LOSSES, before.unearned_minor - before.lost_minor),
        Entry(clearing(provider), stays - held),
    ]
    won = [Entry(clearing(provider), back - stays), Entry(DISPUTES, stays - back)]
    lost = [
        Entry(DEPOSITS, after.unearned_minor),
        Entry(LOSSES, after.lost_minor - after.unearned_minor),
        Entry(DISPUTES, -after.lost_minor),
    ]
    if (before.lost_minor, after.away_minor) == (after.lost_minor, before.away_minor):
        # Lost as before: only what it is taken out of may have changed.
        moved = after.unearned_minor - before.unearned_minor
        opened, lost = [], [Entry(DEPOSITS, moved), Entry(LOSSES, -moved)]
    steps = (("dispute_opened", opened), ("dispute_won", won), ("dispute_lost", lost))
    return [
        _journal(kind, event_id, order_id, currency, entries)
        for kind, entries in steps
        if any(entry.amount_minor for entry in entries)
    ]


def dispute_fee(
    *, event_id: UUID, order_id: OrderId, provider: str, currency: str, amount_minor: int
) -> Journal:
    """A provider took a fee for a dispute; a negative amount gives it back."""
    entries = [Entry(DISPUTE_FEES, amount_minor), Entry(clearing(provider), -amount_minor)]
    return _journal("dispute_fee", event_id, order_id, currency, entries)


def gift_card_issue(*, reference: UUID, currency: str, amount_minor: int) -> Journal:
    """A card was given away; ``reference`` is the card."""
    return _journal("gift_card_issue", reference, None, currency, _granted(amount_minor))


def gift_card_adjust(*, reference: UUID, currency: str, amount_minor: int) -> Journal:
    """Something was put on a card, or taken off it; ``reference`` is the entry."""
    return _journal("gift_card_adjust", reference, None, currency, _granted(amount_minor))


def gift_card_expire(*, reference: UUID, currency: str, amount_minor: int) -> Journal:
    """What was left on a card is not owed any more; ``reference`` is the entry."""
    return _journal("gift_card_expire", reference, None, currency, _granted(-amount_minor))


def _granted(amount_minor: int) -> list[Entry]:
    return [Entry(GRANTED, amount_minor), Entry(GIFT_CARDS, -amount_minor)]


def _sale_entries(parts: SaleParts, *, sign: int) -> list[Entry]:
    per_vendor: dict[VendorId, int] = {}
    for vendor_id, net_minor in parts.lines:
        per_vendor[vendor_id] = per_vendor.get(vendor_id, 0) + net_minor
    entries = [Entry(DEPOSITS, sign * parts.total_minor)]
    entries += [
        Entry(SALES, -sign * net_minor, vendor_id) for vendor_id, net_minor in per_vendor.items()
    ]
    entries.append(Entry(SHIPPING, -sign * parts.shipping_net_minor))
    entries.append(Entry(TAX, -sign * parts.tax_minor))
    return entries


def _journal(
    kind: str, reference: UUID, order_id: OrderId | None, currency: str, entries: Sequence[Entry]
) -> Journal:
    kept = tuple(entry for entry in entries if entry.amount_minor)
    assert sum(entry.amount_minor for entry in kept) == 0, f"{kind} does not balance"
    return Journal(new_id(), kind, reference, order_id, currency, kept)
