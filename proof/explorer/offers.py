"""Staff write an order for a buyer, change it, take it back; both of them place it."""

from __future__ import annotations

from typing import Final

import msgspec

from proof.commands import exercises
from proof.explorer.actors import Place, S, Told, part
from proof.explorer.scene import CURRENCY, STAFF
from surehold.checkout import commands
from surehold.checkout.model import BUYER
from surehold.db.idempotency import hash_request
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import DomainError
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts import queries
from surehold.orders.drafts.errors import (
    DraftOrderCanceled,
    DraftOrderChanged,
    DraftOrderNotFound,
    DraftOrderPlaced,
)
from surehold.orders.drafts.model import DraftContent, DraftLine

_ENDED: Final[tuple[type[DomainError], ...]] = (DraftOrderPlaced, DraftOrderCanceled)
_PLACING: Final = (*_ENDED, DraftOrderChanged, DraftOrderNotFound, InsufficientStock)


async def _place(at: Place, *, is_staff: bool) -> Told:
    seat, sent = at.seat, at.subject.sent
    # Now and then both send the very same request: the buyer's browser, twice.
    is_same = not is_staff and seat.chance.random() < 0.3
    key = at.subject.key if is_same else f"{at.subject.key}-{seat.name}"
    async with seat.db.connection() as connection:
        draft = await queries.get_draft(connection, draft_id=sent.draft.id)
    form = commands.DraftForm(
        key=key,
        request_hash=hash_request(key.encode()),
        provider="bank_transfer"
        if is_same
        else seat.chance.choice((seat.card.name, "bank_transfer")),
        actor=STAFF.name if is_staff else BUYER.name,
        token=None if is_staff else sent.token,
    )
    placement = await commands.placement_of_draft(seat.checkout, draft=draft, form=form)
    answer = await commands.place_draft(seat.checkout, draft=draft, form=form)
    return Told(placement, answer.body)


@part(S.OFFERED, refusals=_PLACING)
@exercises(commands.place_draft)
async def place_by_link(at: Place) -> Told:
    """The buyer pays by the link."""
    return await _place(at, is_staff=False)


@part(S.OFFERED, refusals=_PLACING)
@exercises(commands.place_draft)
async def place_for_buyer(at: Place) -> Told:
    """Staff place it for the buyer."""
    return await _place(at, is_staff=True)


@part(S.OFFERED, refusals=(*_ENDED, DraftOrderChanged))
@exercises(drafts.change_draft)
async def change_offer(at: Place) -> int:
    """Staff take a cent off."""
    async with at.seat.db.connection() as connection:
        draft = await queries.get_draft(connection, draft_id=at.subject.sent.draft.id)
    content = msgspec.structs.replace(
        draft.content, discount_minor=1, discount_reason=f"by {at.seat.name}"
    )
    changed = await drafts.change_draft(
        at.seat.db,
        draft_id=draft.id,
        version=draft.version,
        content=content,
        actor=STAFF.name,
    )
    return changed.version


@part(S.OFFERED, refusals=_ENDED)
@exercises(drafts.send_draft)
async def send_offer_again(at: Place) -> int:
    """Another link; the earlier one opens nothing any more."""
    sent = await drafts.send_draft(at.seat.db, draft_id=at.subject.sent.draft.id, actor=STAFF.name)
    return sent.draft.version


@part(S.OFFERED, refusals=(DraftOrderPlaced,))
@exercises(drafts.cancel_draft)
async def cancel_offer(at: Place) -> str:
    """Staff take it back."""
    draft = await drafts.cancel_draft(
        at.seat.db, draft_id=at.subject.sent.draft.id, actor=STAFF.name
    )
    return draft.state.value


@part(S.OFFERED)
@exercises(drafts.create_draft)
async def write_offer(at: Place) -> int:
    """Staff write one more, which nobody places."""
    line = DraftLine(at.scene.variants[0], 1, 500, "proof")
    draft = await drafts.create_draft(
        at.seat.db, content=DraftContent(currency=CURRENCY, lines=(line,)), actor=STAFF.name
    )
    return draft.version
