"""Whether a draft may be changed or placed, and what is written of it beside its order."""

from __future__ import annotations

from collections.abc import Mapping

from surehold.kernel.errors import DomainError
from surehold.kernel.ids import VariantId
from surehold.kernel.money import Money, to_major
from surehold.orders.drafts.errors import (
    DraftLinkExpired,
    DraftOrderCanceled,
    DraftOrderChanged,
    DraftOrderNotFound,
    DraftOrderPlaced,
)
from surehold.orders.drafts.model import Draft, DraftContent, DraftRef, DraftState


def check_open(draft: Draft) -> None:
    """Refuse what has ended.

    Raises:
        DraftOrderPlaced, DraftOrderCanceled: As named.
    """
    if draft.state is DraftState.PLACED:
        raise DraftOrderPlaced("This draft is an order already.", order_number=draft.order_number)
    if draft.state is DraftState.CANCELED:
        raise DraftOrderCanceled("This draft order was canceled.")


def check_version(draft: Draft, version: int) -> None:
    """Refuse what was decided by another version.

    Raises:
        DraftOrderChanged: It is not this one any more.
    """
    if draft.version != version:
        raise DraftOrderChanged(
            f"Version {version} was read; by now it is version {draft.version}.",
            version=draft.version,
        )


def find_refusal(draft: Draft | None, wanted: DraftRef, *, is_link: bool) -> DomainError | None:
    """Why a draft cannot be placed as it was read; ``None`` when it can.

    ``is_link``: whether the link that was used is the draft's last one.
    """
    if draft is None or (wanted.token_hash is not None and not is_link):
        return DraftOrderNotFound("There is no draft order with this link.")
    try:
        check_open(draft)
        if draft.state is DraftState.EXPIRED and wanted.token_hash is not None:
            raise DraftLinkExpired("The link has expired. Ask the store for another.")
        check_version(draft, wanted.version)
    except DomainError as refusal:
        return refusal
    return None


def describe(content: DraftContent, names: Mapping[VariantId, str]) -> str:
    """What staff set in a draft, sentence by sentence, for the timeline of its order."""
    found = ["Written as a draft order."]
    for line in content.lines:
        if line.unit_price_minor is not None:
            price = _words(line.unit_price_minor, content.currency)
            name = names.get(line.variant_id, str(line.variant_id))
            found.append(f"{name} at {price} a unit: {line.reason}.")
    if content.discount_minor is not None:
        amount = _words(content.discount_minor, content.currency)
        found.append(f"{amount} off: {content.discount_reason}.")
    if content.shipping_minor is not None:
        found.append(f"Shipping at {_words(content.shipping_minor, content.currency)}.")
    if content.note:
        found.append(f"Note: {content.note}")
    return " ".join(found)


def _words(amount_minor: int, currency: str) -> str:
    return f"{to_major(Money(amount_minor, currency))} {currency}"
