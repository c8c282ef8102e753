"""Promised quotes, what staff enter into the price book, and the counters of coupons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from surehold.db import Connection, Database, Statement, Transaction
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import CouponId, QuoteId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.pricing import queries, rules, sql
from surehold.pricing.errors import EntryExists
from surehold.pricing.model import (
    Coupon,
    CouponLimits,
    Entry,
    Promotion,
    Quote,
    Redemption,
    SavedQuote,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
    UsedCoupon,
)
from surehold.pricing.sql import entries

_SAVES: Final[Mapping[type[Entry], Statement[None]]] = MappingProxyType(
    {
        SpecialPrice: entries.SAVE_SPECIAL_PRICE,
        TaxRate: entries.SAVE_TAX_RATE,
        ShippingZone: entries.SAVE_SHIPPING_ZONE,
        ShippingMethod: entries.SAVE_SHIPPING_METHOD,
        Promotion: entries.SAVE_PROMOTION,
        Coupon: entries.SAVE_COUPON,
    }
)
#: Which field names what is not there, by the constraint that says so.
_REFERENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "special_prices_variant_id_fkey": "/variant_id",
        "shipping_methods_zone_id_fkey": "/zone_id",
        "coupons_promotion_id_fkey": "/promotion_id",
    }
)


LimitsView = Mapping[CouponId, CouponLimits]


class UsedMeanwhile(Exception):
    """Somebody else used a coupon that this transaction had counted on."""


async def save_quote(tx: Transaction, *, quote: Quote, ttl: timedelta) -> SavedQuote:
    """Promise these prices until a time from now, whatever the catalog does meanwhile."""
    return await tx.one(
        sql.INSERT_QUOTE, QuoteId(new_id()), quote.currency, quote.total_minor, quote, ttl
    )


async def prune_quotes(tx: Transaction) -> int:
    """Forget quotes that ended a day ago; returns how many."""
    return await tx.run(sql.PRUNE_QUOTES)


# --- the price book ------------------------------------------------------------------------------


async def create_entry(db: Database, *, entry: Entry, actor: str) -> Entry:
    """Enter a price, a tax rate, a zone, a shipping method, a promotion or a coupon.

    Whatever is priced after this is priced by it. Returns the entry as it is kept.

    Raises:
        InvalidInput: Lists every fault.
        EntryExists: There is one with this code, or for this place and class.
    """
    require(Permission.PRICING_WRITE)
    return await _save(db, entry, actor, is_new=True)


async def change_entry(db: Database, *, entry: Entry, actor: str) -> Entry:
    """Put an entry in the place of the one with its id. The same twice changes nothing more.

    Quotes that were promised and orders that were placed keep what they were promised. A coupon's
    limits cannot be set below what is used already.

    Raises:
        InvalidInput: Lists every fault.
        EntryExists: Another one has this code, or is for this place and class.
        EntryNotFound: There is none with this id.
    """
    require(Permission.PRICING_WRITE)
    return await _save(db, entry, actor, is_new=False)


async def deactivate_entry(db: Database, kind: type[Entry], *, id: UUID, actor: str) -> Entry:  # noqa: A002 - what the caller calls it
    """Take an entry out of use and keep it. Twice changes nothing.

    Raises:
        EntryNotFound: There is none with this id.
    """
    require(Permission.PRICING_WRITE)
    async with db.connection() as connection:
        entry = await queries.get_entry(connection, kind, id=id)
    if not entry.is_active:
        return entry
    return await change_entry(
        db, entry=msgspec.structs.replace(entry, is_active=False), actor=actor
    )


async def _save(db: Database, entry: Entry, actor: str, *, is_new: bool) -> Entry:
    rules.check_entry(entry)
    kind = type(entry)

    async def work(tx: Transaction) -> Entry:
        if not is_new:
            await queries.get_entry(tx, kind, id=entry.id)
        with _refusals(entry):
            await tx.run(_SAVES[kind], entry)
            if isinstance(entry, ShippingMethod):
                await _save_rates(tx, entry)
        if isinstance(entry, Coupon):
            await _check_coupon(tx, entry)
        await tx.run(entries.RECORD_CHANGE, new_id(), kind.__name__, entry.id, entry, actor)
        return await queries.get_entry(tx, kind, id=entry.id)

    return await db.retrying(work)


async def _save_rates(tx: Transaction, method: ShippingMethod) -> None:
    await tx.run(entries.DELETE_SHIPPING_RATES, method.id)
    await tx.run(
        entries.INSERT_SHIPPING_RATES,
        method.id,
        [rate.currency for rate in method.rates],
        [rate.from_value for rate in method.rates],
        [rate.amount_minor for rate in method.rates],
    )


async def _check_coupon(tx: Transaction, coupon: Coupon) -> None:
    """The coupon's row is written, so locked: nobody uses it meanwhile."""
    faults = []
    promotion = await queries.get_entry(tx, Promotion, id=coupon.promotion_id)
    if promotion.is_automatic:
        words = "This promotion applies by itself; a coupon unlocks one that does not."
        faults.append(Fault("/promotion_id", "promotion_is_automatic", words))
    most = await tx.find(entries.FIND_MOST_USES, coupon.id)
    if (
        most is not None
        and coupon.limit_per_buyer is not None
        and (most.used > coupon.limit_per_buyer)
    ):
        words = f"A buyer uses it {most.used} times already."
        faults.append(Fault("/limit_per_buyer", "below_used", words))
    if faults:
        raise InvalidInput(tuple(faults))


@contextmanager
def _refusals(entry: Entry) -> Iterator[None]:
    """What the database refuses, as the fault that it is."""
    try:
        yield
    except asyncpg.UniqueViolationError:
        words = "There is one with this code, or for this place and class."
        raise EntryExists(words, kind=type(entry).__name__) from None
    except asyncpg.ForeignKeyViolationError as error:
        at = _REFERENCES[error.constraint_name or ""]
        raise InvalidInput((Fault(at, "unknown_reference", "There is none."),)) from None
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "coupons_used_within_limit":
            raise
        fault = Fault("/limit_total", "below_used", "It was used more often than that already.")
        raise InvalidInput((fault,)) from None


# --- coupons in use ------------------------------------------------------------------------------


async def lock_coupons(
    tx: Transaction, *, uses: Collection[rules.Use]
) -> dict[CouponId, CouponLimits]:
    """Lock coupons, in id order, and count what is used of them; after the stock, always.

    Where nobody wants one, nothing is asked.
    """
    return await _count_limits(tx, sql.LOCK_COUPONS, uses)


async def read_coupons(
    connection: Connection, *, uses: Collection[rules.Use]
) -> dict[CouponId, CouponLimits]:
    """The same without a lock. Whoever decides by it must ``use_coupons``, which looks again."""
    return await _count_limits(connection, sql.READ_COUPONS, uses)


async def _count_limits(
    connection: Connection, statement: Statement[sql.LimitsRow], uses: Collection[rules.Use]
) -> dict[CouponId, CouponLimits]:
    if not uses:
        return {}
    found = await connection.all(statement, list({use.coupon.id for use in uses}))
    used_by: dict[CouponId, dict[str, int]] = {row.id: {} for row in found}
    limited = [row.id for row in found if row.limit_per_buyer is not None]
    if limited:
        buyers = list({use.buyer for use in uses})
        for row in await connection.all(sql.COUNT_USES, limited, buyers):
            used_by[row.coupon_id][row.buyer] = row.used
    return {
        row.id: CouponLimits(
            row.id, row.code, row.used, row.limit_total, row.limit_per_buyer, used_by[row.id]
        )
        for row in found
    }


async def use_coupons(tx: Transaction, *, redemptions: Sequence[Redemption]) -> None:
    """Use coupons that had uses left when they were read; they are locked from here, in id order.

    Raises:
        UsedMeanwhile: Not all of them have any more. Roll back.
    """
    uses = [rules.Use(UsedCoupon(row.coupon_id, ""), row.buyer) for row in redemptions]
    counters = rules.Uses((await lock_coupons(tx, uses=uses)).values())
    for use in uses:
        if counters.find_gone(use) is not None:
            raise UsedMeanwhile
        counters.count(use, 1)
    await redeem_coupons(tx, redemptions=redemptions)


async def redeem_coupons(tx: Transaction, *, redemptions: Sequence[Redemption]) -> None:
    """Write the uses of locked coupons, and count them. One too many fails the transaction."""
    if not redemptions:
        return
    await tx.run(
        sql.INSERT_REDEMPTIONS,
        [row.id for row in redemptions],
        [row.coupon_id for row in redemptions],
        [row.order_id for row in redemptions],
        [row.buyer for row in redemptions],
        [row.redeemed_at for row in redemptions],
    )
    await _count(tx, Counter(row.coupon_id for row in redemptions), sign=1)


async def release_coupons(tx: Transaction, *, redemptions: Sequence[Redemption]) -> None:
    """End uses of locked coupons, and count them back. Each was live when its order was locked."""
    if not redemptions:
        return
    ended = await tx.run(
        sql.END_REDEMPTIONS,
        [row.id for row in redemptions],
        [row.ended_at for row in redemptions],
        [row.end_reason for row in redemptions],
    )
    assert ended == len(redemptions), "a redemption ended under its order's lock"
    await _count(tx, Counter(row.coupon_id for row in redemptions), sign=-1)


async def _count(tx: Transaction, uses: Mapping[CouponId, int], *, sign: int) -> None:
    changes: list[Any] = [sign * count for count in uses.values()]
    await tx.run(sql.CHANGE_USED, list(uses), changes)
