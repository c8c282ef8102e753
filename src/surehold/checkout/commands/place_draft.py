"""Placing a draft: the buyer by the link, or staff; the placing lane makes one order of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from surehold.catalog import queries as catalog
from surehold.checkout.commands.place_order import place_order
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Answer, Placement
from surehold.checkout.replay import SCOPE
from surehold.db import idempotency
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.permissions import Permission, require
from surehold.orders.drafts import queries as drafts
from surehold.orders.drafts import rules
from surehold.orders.drafts.model import Draft, DraftRef
from surehold.orders.model import Address


class DraftForm(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever places a draft adds to it: how it is paid, and what it left open.

    ``version`` and ``expected_total_minor`` are what they were shown; unset asks for no
    comparison.
    """

    key: str
    request_hash: bytes
    provider: str
    actor: str
    token: str | None = None
    version: int | None = None
    expected_total_minor: int | None = None
    email: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: str | None = None


async def place_draft(checkout: Checkout, *, draft: Draft, form: DraftForm) -> Answer:
    """Make an order of a draft, as it was read, and begin its payment.

    Whoever is second hears of the first one's order: two tabs, two processes, staff and buyer at
    once make one. The same key and form get the same answer, byte for byte.

    Raises:
        InvalidInput: The form leaves out what the draft does, or says what the draft says.
        DraftOrderNotFound, DraftOrderPlaced, DraftOrderCanceled, DraftOrderChanged,
        DraftLinkExpired: As named.
        Whatever ``place_order`` raises of prices, coupons, stock and ways of paying.
    """
    if form.token is None:
        require(Permission.DRAFTS_WRITE)  # the buyer's is the token of the link
    placement = await placement_of_draft(checkout, draft=draft, form=form)
    assert placement.draft is not None
    refusal = rules.find_refusal(draft, placement.draft, is_link=True)
    # What was placed under this very key has its answer, whatever the draft is by now.
    if refusal is not None and not await _is_known(checkout, form.key):
        raise refusal
    return await place_order(checkout, placement)


async def _is_known(checkout: Checkout, key: str) -> bool:
    async with checkout.db.connection() as connection:
        return bool(await idempotency.find(connection, scope=SCOPE, keys=[key]))


async def placement_of_draft(checkout: Checkout, *, draft: Draft, form: DraftForm) -> Placement:
    """What placing a draft asks of the lane.

    Raises:
        InvalidInput: The form leaves out what the draft does, or says what the draft says.
    """
    content = draft.content
    faults = tuple(find_faults(draft, form))
    if faults:
        raise InvalidInput(faults)
    async with checkout.db.connection() as connection:
        sellable = await catalog.list_sellable(
            connection, variant_ids=[line.variant_id for line in content.lines]
        )
    names = {variant_id: item.sku for (variant_id, _), item in sellable.items()}
    email = content.email or form.email
    address = content.shipping_address or form.shipping_address
    assert email is not None
    assert address is not None
    return Placement(
        key=form.key,
        request_hash=form.request_hash,
        email=email,
        shipping_address=address,
        billing_address=content.billing_address or form.billing_address,
        shipping_method=content.shipping_method or form.shipping_method,
        provider=form.provider,
        lines=content.demand,
        currency=content.currency,
        expected_total_minor=form.expected_total_minor,
        coupon=content.coupon,
        vat_id=content.vat_id,
        draft=DraftRef(
            id=draft.id,
            version=draft.version if form.version is None else form.version,
            actor=form.actor,
            token_hash=None if form.token is None else drafts.hash_token(form.token),
            own_terms=content.own_terms,
            note=rules.describe(content, names),
            written_by=draft.changed_by,
        ),
    )


def find_faults(draft: Draft, form: DraftForm) -> Iterator[Fault]:
    """What the form leaves out although the draft does, and what it says beside the draft."""
    content = draft.content
    for field in ("email", "shipping_address"):
        if getattr(content, field) is None and getattr(form, field) is None:
            yield Fault(f"/{field}", "missing", "The draft order leaves it to you.")
    for field in ("email", "shipping_address", "billing_address", "shipping_method"):
        is_set = getattr(content, field) is not None or (
            field == "shipping_method" and content.shipping_minor is not None
        )
        if is_set and getattr(form, field) is not None:
            yield Fault(f"/{field}", "set_by_store", "The draft order says it already.")
