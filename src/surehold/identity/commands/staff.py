"""Who works here, and what they may. Nobody grants, or takes away, what they do not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from surehold.db import Transaction, audit, clock
from surehold.identity import queries, sql
from surehold.identity.commands import letters
from surehold.identity.commands.sessions import end_all
from surehold.identity.engine import Identity
from surehold.identity.errors import (
    AccountNotFound,
    AddressTaken,
    LastAdmin,
    RoleExists,
    RoleNotFound,
)
from surehold.identity.events import (
    ROLE_CHANGED,
    ROLES_GRANTED,
    STAFF_ADDED,
    STAFF_DISABLED,
    STAFF_ENABLED,
    STAFF_RESET,
    fact,
)
from surehold.identity.model import (
    AccountKind,
    EndReason,
    LetterKind,
    Principal,
    Role,
    StaffMember,
)
from surehold.identity.permissions import (
    EVERYTHING,
    NEW_STORE_ROLES,
    Permission,
    authorize,
    check_grant,
    known,
)
from surehold.identity.sql import LockedAccount, factors, keys, sessions
from surehold.identity.sql import staff as staff_sql
from surehold.identity.sql.staff import LockedRole
from surehold.jobs import outbox
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import AccountId, VendorId, new_id

#: Who may have roles.
_WITH_ROLES = frozenset({AccountKind.STAFF, AccountKind.VENDOR})


async def add_member(
    identity: Identity,
    *,
    principal: Principal,
    email: str,
    name: str,
    kind: AccountKind,
    roles: Sequence[str] = (),
    vendor_id: VendorId | None = None,
    password: str | None = None,
) -> StaffMember:
    """Add somebody who works here. Without a password they are written a link to set one.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: A role, or being an admin, is more than the caller has.
        InvalidInput: The address or the password breaks a rule; a customer was meant; an admin
            was given roles; a vendor is missing or there is no such vendor.
        RoleNotFound: There is no such role.
        AddressTaken: There is an account of this address.
    """
    authorize(principal, Permission.STAFF_WRITE)
    mailbox = letters.read_mailbox(email)
    _check_kind(kind, roles, vendor_id)
    if kind is AccountKind.ADMIN:
        check_grant(principal, EVERYTHING)
    password_hash = None
    if password is not None:
        letters.check_password(password, key=mailbox.key)
        password_hash = await identity.passwords.hash(password)
    account_id = AccountId(new_id())

    async def work(tx: Transaction) -> StaffMember:
        made = await tx.run(
            sql.INSERT_ACCOUNT,
            account_id,
            kind.value,
            mailbox.email,
            mailbox.key,
            name,
            password_hash,
            vendor_id,
            principal.label,
            None,
        )
        if not made:
            raise AddressTaken("There is an account of this address.")
        await _grant(tx, principal, account_id, roles)
        if password_hash is None:
            await letters.write(
                tx,
                identity,
                kind=LetterKind.RESET_PASSWORD,
                to=mailbox,
                account_id=account_id,
            )
        added = fact(STAFF_ADDED, account_id, actor=principal.label, kind=kind.value)
        await outbox.record(tx, [added], now=await clock.now(tx))
        return await _told(tx, principal, "staff.add", account_id, None)

    try:
        return await identity.db.retrying(work)
    except asyncpg.ForeignKeyViolationError:
        # Vendors are the catalog's, which this room does not know; the schema does.
        fault = Fault("/vendor_id", "unknown_vendor", "There is no such vendor.")
        raise InvalidInput((fault,)) from None


async def set_roles(
    identity: Identity, *, principal: Principal, account_id: AccountId, roles: Sequence[str]
) -> StaffMember:
    """Give a member exactly these roles.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: The member has, or would have, more than the caller.
        AccountNotFound, RoleNotFound: As named.
        InvalidInput: An admin needs no roles.
    """
    authorize(principal, Permission.STAFF_WRITE)

    async def work(tx: Transaction) -> StaffMember:
        member = await _lock_member(tx, principal, account_id)
        before = await queries.get_member(tx, account_id=account_id)
        _check_kind(member.kind, roles, member.vendor_id)
        await _grant(tx, principal, account_id, roles)
        granted = fact(ROLES_GRANTED, account_id, actor=principal.label, roles=sorted(set(roles)))
        await outbox.record(tx, [granted], now=member.now)
        return await _told(tx, principal, "staff.set_roles", account_id, before)

    return await identity.db.retrying(work)


async def disable_member(
    identity: Identity, *, principal: Principal, account_id: AccountId
) -> StaffMember:
    """Close an account of somebody who works here, with its sessions, keys and devices.

    A second time changes nothing. Of two admins who close each other's account one wins.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: The member may more than the caller.
        AccountNotFound: There is no such member.
        LastAdmin: Nobody would be left who may everything.
    """
    authorize(principal, Permission.STAFF_WRITE)

    async def work(tx: Transaction) -> StaffMember:
        admins = await tx.all(sql.LOCK_ADMINS)
        member = await _lock_member(tx, principal, account_id)
        if [admin.id for admin in admins] == [account_id]:
            raise LastAdmin("Add another admin first.")
        before = await queries.get_member(tx, account_id=account_id)
        if await tx.run(sql.DISABLE, account_id, principal.label):
            await end_all(tx, account_id, EndReason.ACCOUNT_DISABLED)
            await tx.run(keys.REVOKE_ALL, account_id, principal.label)
            await tx.run(sessions.FORGET_DEVICES, account_id)
            disabled = fact(STAFF_DISABLED, account_id, actor=principal.label)
            await outbox.record(tx, [disabled], now=member.now)
        return await _told(tx, principal, "staff.disable", account_id, before)

    return await identity.db.retrying(work)


async def enable_member(
    identity: Identity, *, principal: Principal, account_id: AccountId
) -> StaffMember:
    """Open a closed account again; what was ended with it stays ended. Twice changes nothing.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: The member may more than the caller.
        AccountNotFound: There is no such member.
    """
    authorize(principal, Permission.STAFF_WRITE)

    async def work(tx: Transaction) -> StaffMember:
        member = await _lock_member(tx, principal, account_id)
        before = await queries.get_member(tx, account_id=account_id)
        if await tx.run(sql.ENABLE, account_id):
            enabled = fact(STAFF_ENABLED, account_id, actor=principal.label)
            await outbox.record(tx, [enabled], now=member.now)
        return await _told(tx, principal, "staff.enable", account_id, before)

    return await identity.db.retrying(work)


async def reset_member(
    identity: Identity,
    *,
    principal: Principal,
    account_id: AccountId,
    password: str | None = None,
    is_factor_removed: bool = False,
) -> StaffMember:
    """Let a member begin anew: every session ends, the old password opens nothing any more.

    Without a password they are written a link to set one. ``is_factor_removed`` is for whoever
    has lost the authenticator and the recovery codes.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: The member may more than the caller.
        AccountNotFound: There is no such member.
        InvalidInput: The password breaks a rule.
    """
    authorize(principal, Permission.STAFF_WRITE)
    password_hash = None
    if password is not None:
        async with identity.db.connection() as connection:
            meant = await queries.get_member(connection, account_id=account_id)
        letters.check_password(password, key=letters.read_mailbox(meant.email).key)
        password_hash = await identity.passwords.hash(password)

    async def work(tx: Transaction) -> StaffMember:
        member = await _lock_member(tx, principal, account_id)
        before = await queries.get_member(tx, account_id=account_id)
        await tx.run(sql.SET_PASSWORD, account_id, password_hash)
        await end_all(tx, account_id, EndReason.PASSWORD_RESET)
        await tx.run(sessions.FORGET_DEVICES, account_id)
        if is_factor_removed:
            await tx.run(factors.DELETE, account_id)
        if password_hash is None:
            await letters.write(
                tx,
                identity,
                kind=LetterKind.RESET_PASSWORD,
                to=letters.read_mailbox(member.email),
                account_id=account_id,
            )
        reset = fact(
            STAFF_RESET, account_id, actor=principal.label, is_factor_removed=is_factor_removed
        )
        await outbox.record(tx, [reset], now=member.now)
        return await _told(tx, principal, "staff.reset", account_id, before)

    return await identity.db.retrying(work)


async def create_role(
    identity: Identity,
    *,
    principal: Principal,
    code: str,
    name: str,
    permissions: Sequence[Permission],
) -> Role:
    """Add a role.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: It would permit more than the caller may.
        RoleExists: There is one of this code.
    """
    authorize(principal, Permission.STAFF_WRITE)
    check_grant(principal, permissions)

    async def work(tx: Transaction) -> Role:
        role_id = new_id()
        values = sorted({one.value for one in permissions})
        if not await tx.run(staff_sql.INSERT_ROLE, role_id, code, name, values, principal.label):
            raise RoleExists("There is a role of this code.")
        _tell_role(tx, principal, code, before=None, after=values)
        changed = fact(ROLE_CHANGED, role_id, actor=principal.label, permissions=values)
        await outbox.record(tx, [changed], now=await clock.now(tx))
        return await queries.get_role(tx, code=code)

    return await identity.db.retrying(work)


async def change_role(
    identity: Identity,
    *,
    principal: Principal,
    code: str,
    name: str,
    permissions: Sequence[Permission],
) -> Role:
    """Change what a role is called and permits; at once, for everybody who has it.

    Raises:
        NotPermitted, TotpRequired: The caller may not.
        GrantTooWide: It permits, or would permit, more than the caller may.
        RoleNotFound: There is no such role.
    """
    authorize(principal, Permission.STAFF_WRITE)

    async def work(tx: Transaction) -> Role:
        role = await tx.find(staff_sql.LOCK_ROLE, code)
        if role is None:
            raise RoleNotFound("There is no role of this code.")
        check_grant(principal, {*permissions, *known(role.permissions)})
        values = sorted({one.value for one in permissions})
        await tx.run(staff_sql.CHANGE_ROLE, role.id, name, values, principal.label)
        _tell_role(tx, principal, code, before=role.permissions, after=values)
        changed = fact(ROLE_CHANGED, role.id, actor=principal.label, permissions=values)
        await outbox.record(tx, [changed], now=await clock.now(tx))
        return await queries.get_role(tx, code=code)

    return await identity.db.retrying(work)


async def found_roles(tx: Transaction, *, actor: str) -> None:
    """Add the roles that a new store has. What is there stays as it is."""
    for code, name, permissions in NEW_STORE_ROLES:
        values = sorted(one.value for one in permissions)
        await tx.run(staff_sql.INSERT_ROLE, new_id(), code, name, values, actor)


async def _told(
    tx: Transaction,
    principal: Principal,
    action: str,
    account_id: AccountId,
    before: StaffMember | None,
) -> StaffMember:
    """The member as they are now, once the audit log has what they were."""
    after = await queries.get_member(tx, account_id=account_id)
    audit.change(
        tx,
        actor=principal.label,
        action=action,
        subject=f"staff/{account_id}",
        before=_facts(before),
        after=_facts(after),
    )
    return after


def _facts(member: StaffMember | None) -> dict[str, Any] | None:
    """What of a member the audit log keeps: nothing that says who it is."""
    if member is None:
        return None
    return {
        "kind": member.kind.value,
        "vendor_id": None if member.vendor_id is None else str(member.vendor_id),
        "roles": sorted(member.roles),
        "has_totp": member.has_totp,
        "is_disabled": member.disabled_at is not None,
    }


def _tell_role(
    tx: Transaction,
    principal: Principal,
    code: str,
    *,
    before: Sequence[str] | None,
    after: Sequence[str],
) -> None:
    audit.change(
        tx,
        actor=principal.label,
        action="role.add" if before is None else "role.change",
        subject=f"roles/{code}",
        before=None if before is None else {"permissions": sorted(before)},
        after={"permissions": list(after)},
    )


def _check_kind(kind: AccountKind, roles: Sequence[str], vendor_id: VendorId | None) -> None:
    faults = []
    if kind is AccountKind.CUSTOMER:
        faults.append(Fault("/kind", "invalid_choice", "One of vendor, staff, admin."))
    if roles and kind not in _WITH_ROLES:
        faults.append(Fault("/roles", "roles_not_needed", "An admin may everything already."))
    if (kind is AccountKind.VENDOR) != (vendor_id is not None):
        faults.append(Fault("/vendor_id", "vendor_mismatch", "Vendor staff name their vendor."))
    if faults:
        raise InvalidInput(tuple(faults))


async def _lock_member(
    tx: Transaction, principal: Principal, account_id: AccountId
) -> LockedAccount:
    """A member, locked, whom the caller may act upon."""
    member = await tx.find(sql.LOCK_ACCOUNT, account_id)
    if member is None or member.kind is AccountKind.CUSTOMER:
        raise AccountNotFound("There is no such member of staff.")
    held = await tx.all(staff_sql.ROLES_OF, account_id)
    check_grant(principal, EVERYTHING if member.kind is AccountKind.ADMIN else _of(held))
    return member


async def _grant(
    tx: Transaction, principal: Principal, account_id: AccountId, roles: Sequence[str]
) -> None:
    wanted = sorted(set(roles))
    found = await tx.all(staff_sql.LOCK_ROLES, wanted)
    missing = sorted(set(wanted) - {role.code for role in found})
    if missing:
        raise RoleNotFound("There is no such role.", missing=missing)
    check_grant(principal, _of(found))
    await tx.run(staff_sql.SET_ROLES, account_id, [role.id for role in found], principal.label)


def _of(roles: Sequence[LockedRole]) -> frozenset[Permission]:
    return frozenset().union(*(known(role.permissions) for role in roles))
