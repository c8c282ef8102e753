"""Two carts of one buyer become one: on signing in, or when a browser has found a second."""

from __future__ import annotations

from surehold.cart import rules, sql
from surehold.cart.errors import CartNotFound
from surehold.cart.model import Merged, MergeNote
from surehold.cart.sql import merging
from surehold.db import Database, Transaction
from surehold.kernel.ids import CartId, new_id


async def merge_carts(db: Database, *, into: CartId, other: CartId) -> Merged:
    """Move what another cart has into a cart; the other stays, with what could not come over.

    Units of the same variant are summed, up to what is available and to 999; every line that came
    over otherwise is told. The cart keeps its currency: lines of a cart in another one come over
    at today's price in it, or not at all. A line that both carts have keeps the price that the
    first one's buyer saw. Saved lines come over, the greater number of a variant. Merging again,
    or a cart with itself, changes nothing. Whose carts they are is for the caller to know.

    Raises:
        CartNotFound: One of them does not exist.
    """

    async def work(tx: Transaction) -> Merged:
        locked = {row.id: row for row in await tx.all(sql.LOCK_CARTS, [into, other])}
        if {into, other} != set(locked):
            raise CartNotFound("There is no cart with this id and token.")
        notes: tuple[MergeNote, ...] = ()
        if into != other:
            currency = locked[into].currency
            meetings = await tx.all(merging.LIST_MEETINGS, into, other, currency)
            before = rules.appraise(await tx.one(sql.READ_CART_BY_ID, into))
            lines, notes = rules.merge(
                meetings,
                is_same_currency=currency == locked[other].currency,
                line_count=len(before.lines),
            )
            if lines:
                await tx.run(
                    merging.MOVE_LINES,
                    into,
                    other,
                    [new_id() for _ in lines],
                    [line.variant_id for line in lines],
                    [line.quantity for line in lines],
                    [line.seen_price_minor for line in lines],
                )
            await tx.run(merging.MOVE_SAVED_LINES, into, other)
        return Merged(rules.appraise(await tx.one(sql.READ_CART_BY_ID, into)), notes)

    return await db.retrying(work)
