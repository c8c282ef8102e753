"""Orders that staff write for buyers: sent, changed, taken back, and placed by both at once."""

from __future__ import annotations

import random
from typing import Final
from uuid import uuid4

import msgspec

from proof.commands import exercises
from proof.simulation.buyers import CURRENCIES, accept, some_lines
from proof.simulation.process import Process
from proof.simulation.world import Offer, Purchase, Told, Violated, World
from surehold.checkout import commands
from surehold.checkout.model import BUYER
from surehold.db.idempotency import IdempotencyKeyReused, hash_request
from surehold.kernel.errors import Busy, DomainError
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts import queries
from surehold.orders.drafts.model import DraftContent, DraftLine
from tests.support.placing import ADDRESS

ACTOR: Final = "staff:simulation"
_OFFERS_KEPT: Final = 40


@exercises(drafts.create_draft, drafts.send_draft)
async def write_an_offer(world: World, process: Process, dice: random.Random) -> None:
    """Staff write an order on the telephone, now and then at a price of its own, and send it."""
    lines = tuple(
        DraftLine(variant_id, quantity, 1234, "agreed") if dice.random() < 0.4
        else DraftLine(variant_id, quantity)
        for variant_id, quantity in some_lines(world, dice)
    )  # fmt: skip
    content = DraftContent(
        currency=dice.choice(CURRENCIES),
        lines=lines,
        email=f"{uuid4().hex}@example.com",
        shipping_address=ADDRESS,
        shipping_minor=dice.choice((None, 0, 250)),
    )
    draft = await drafts.create_draft(process.db, content=content, actor=ACTOR)
    world.did()
    sent = await drafts.send_draft(process.db, draft_id=draft.id, actor=ACTOR)
    world.offers.append(Offer(draft.id, sent.token))
    del world.offers[:-_OFFERS_KEPT]


@exercises(commands.place_draft)
async def place_an_offer(world: World, process: Process, dice: random.Random) -> None:
    """The buyer pays by the link, or staff place it; each under a key of their own."""
    if not world.offers:
        await write_an_offer(world, process, dice)
        return
    offer = dice.choice(world.offers)
    is_staff = dice.random() < 0.3
    async with process.db.connection() as connection:
        draft = await queries.get_draft(connection, draft_id=offer.draft_id)
    key = uuid4().hex
    form = commands.DraftForm(
        key=key,
        request_hash=hash_request(key.encode()),
        provider=dice.choice(("sandbox", "bank_transfer")),
        actor=ACTOR if is_staff else BUYER.name,
        token=None if is_staff else offer.token,
        version=draft.version,
    )
    placement = await commands.placement_of_draft(process.checkout, draft=draft, form=form)
    purchase = offer.purchase
    if purchase is None:
        purchase = offer.purchase = Purchase(placement)
        world.purchases.append(purchase)
    purchase.tries += 1
    if purchase.told is not Told.ACCEPTED:
        purchase.told = Told.UNKNOWN
    try:
        answer = await commands.place_draft(process.checkout, draft=draft, form=form)
    except (Busy, IdempotencyKeyReused):
        raise
    except DomainError:
        if purchase.tries == 1 and purchase.told is Told.UNKNOWN:
            purchase.told = Told.REFUSED
        raise
    if offer.is_told_canceled:
        raise Violated("a draft was canceled, and placed", key)
    if purchase.told is Told.ACCEPTED and purchase.key != key:
        raise Violated("a draft became an order twice", key, *purchase.ids)
    purchase.placement = placement
    accept(purchase, answer)


@exercises(drafts.change_draft)
async def change_an_offer(world: World, process: Process, dice: random.Random) -> None:
    """Staff take something off, while somebody may be placing it."""
    if not world.offers:
        return
    offer = dice.choice(world.offers)
    async with process.db.connection() as connection:
        draft = await queries.get_draft(connection, draft_id=offer.draft_id)
    content = msgspec.structs.replace(
        draft.content, discount_minor=dice.randint(1, 99), discount_reason="a little less"
    )
    await drafts.change_draft(
        process.db, draft_id=draft.id, version=draft.version, content=content, actor=ACTOR
    )


@exercises(drafts.cancel_draft)
async def take_an_offer_back(world: World, process: Process, dice: random.Random) -> None:
    """Staff cancel what nobody has placed yet."""
    if not world.offers:
        return
    offer = dice.choice(world.offers)
    await drafts.cancel_draft(process.db, draft_id=offer.draft_id, actor=ACTOR)
    offer.is_told_canceled = True
    if offer.purchase is not None and offer.purchase.told is Told.ACCEPTED:
        raise Violated("a draft was placed, and canceled", *offer.purchase.ids)
