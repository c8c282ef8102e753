"""What is kept in an account: a language, addresses, and orders that are the account's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surehold.db import Database, Transaction
from surehold.identity import rules, sql
from surehold.identity.errors import SavedAddressNotFound, TooManyKept
from surehold.identity.model import ClaimedOrder, ClaimKind, SavedAddress
from surehold.identity.sql import saved
from surehold.kernel.ids import AccountId, SavedAddressId, new_id


async def keep_language(db: Database, *, account_id: AccountId, language: str) -> None:
    """Write to an account in this language from now on. Twice changes nothing."""
    async with db.connection() as connection:
        await connection.run(sql.SET_LANGUAGE, account_id, language)


async def save_address(
    db: Database, *, account_id: AccountId, content: dict[str, Any], is_default: bool
) -> SavedAddress:
    """Keep an address, as its country writes it. The first one is the default.

    Raises:
        TooManyKept: There are as many as there may be.
    """

    async def work(tx: Transaction) -> SavedAddress:
        await tx.one(sql.LOCK_ACCOUNT, account_id)
        kept = await tx.all(saved.LIST_ADDRESSES, account_id)
        if len(kept) >= rules.MAX_ADDRESSES:
            raise TooManyKept("Delete an address first.", limit=rules.MAX_ADDRESSES)
        address_id = SavedAddressId(new_id())
        becomes_default = is_default or not kept
        if becomes_default:
            await tx.run(saved.NO_DEFAULT, account_id)
        await tx.run(saved.INSERT_ADDRESS, account_id, address_id, content, becomes_default)
        return await tx.one(saved.FIND_ADDRESS, account_id, address_id)

    return await db.retrying(work)


async def change_address(
    db: Database,
    *,
    account_id: AccountId,
    address_id: SavedAddressId,
    content: dict[str, Any],
    is_default: bool,
) -> SavedAddress:
    """Replace an address.

    Raises:
        SavedAddressNotFound: The account has no such address.
    """

    async def work(tx: Transaction) -> SavedAddress:
        await tx.one(sql.LOCK_ACCOUNT, account_id)
        if is_default:
            await tx.run(saved.NO_DEFAULT, account_id)
        if not await tx.run(saved.CHANGE_ADDRESS, account_id, address_id, content, is_default):
            raise SavedAddressNotFound("There is no such address.")
        return await tx.one(saved.FIND_ADDRESS, account_id, address_id)

    return await db.retrying(work)


async def delete_address(
    db: Database, *, account_id: AccountId, address_id: SavedAddressId
) -> None:
    """Forget an address.

    Raises:
        SavedAddressNotFound: The account has no such address.
    """
    async with db.connection() as connection:
        if not await connection.run(saved.DELETE_ADDRESS, account_id, address_id):
            raise SavedAddressNotFound("There is no such address.")


async def claim_orders(
    db: Database, *, account_id: AccountId, orders: Sequence[ClaimedOrder], by: ClaimKind
) -> int:
    """Make orders an account's own; returns how many became it. One that is somebody's stays so.

    Whether the account may have them is for the caller to know: their token was shown, or they
    were placed with the address that the account has proven.
    """
    if not orders:
        return 0
    async with db.connection() as connection:
        return await connection.run(
            saved.CLAIM,
            account_id,
            [order.order_id for order in orders],
            [order.placed_at for order in orders],
            by.value,
        )
