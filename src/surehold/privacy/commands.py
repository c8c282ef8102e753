"""Handing out and erasing what is kept about somebody.

ask      ``erase_own``, ``erase_person``: nothing may be open; the account is closed
erase    ``carry_on_erasing``: one step, one transaction; whoever is stopped is carried on
again    90 days later, and while documents must be kept, all steps once more

Each step says "whoever is still there", so a step that is carried out twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.db import Connection, Database, Statement, Transaction, clock, shop
from surehold.identity import commands as identities
from surehold.identity.commands.letters import read_mailbox
from surehold.identity.commands.proving import prove_password
from surehold.identity.engine import Identity
from surehold.identity.errors import InvalidCredentials, SessionOver
from surehold.identity.model import AccountKind, Principal
from surehold.identity.permissions import Permission, authorize
from surehold.identity.rules import Mailbox
from surehold.identity.secrets import hash_token, new_token
from surehold.jobs import outbox
from surehold.kernel.ids import merchant_reference, new_id
from surehold.privacy import events, sql
from surehold.privacy.errors import ExportNotFound, ExportNotReady, NotACustomer, StillOpen
from surehold.privacy.model import NewExport, Person, PersonalExport, Row
from surehold.privacy.sql import erasing, exporting, exporting_orders

#: An export that nobody takes is deleted.
EXPORT_LIFETIME: Final = timedelta(hours=72)
#: Providers send what they have to say within this time.
AGAIN_AFTER: Final = timedelta(days=90)
_PRUNED: Final = 1_000


async def erase_own(identity: Identity, *, principal: Principal, password: str) -> UUID:
    """Begin to erase whoever asks, and close their account at once; returns the erasure's id.

    Raises:
        SessionNeeded, InvalidCredentials, TooManyAttempts: The password was not shown.
        StillOpen: An order, a payment, a return or money of theirs is open. Nothing was done.
        NotACustomer: The account is of somebody who works here.
        SessionOver: The account was closed meanwhile.
    """
    proven = await prove_password(identity, principal=principal, password=password)

    async def work(tx: Transaction) -> UUID:
        return await _begin(tx, principal, await _lock_own(tx, principal, proven))

    return await identity.db.retrying(work)


async def erase_person(db: Database, *, principal: Principal, email: str) -> UUID:
    """Begin to erase whoever has an address, with an account or without; returns the erasure's id.

    A second time for the same person returns the erasure that runs already.

    Raises:
        TotpRequired, NotPermitted: ``privacy.write`` is lacking.
        StillOpen: An order, a payment, a return or money of theirs is open. Nothing was done.
        NotACustomer: The account is of somebody who works here.
        InvalidInput: No such address can exist.
    """
    authorize(principal, Permission.PRIVACY_WRITE)
    mailbox = read_mailbox(email)

    async def work(tx: Transaction) -> UUID:
        return await _begin(tx, principal, await _lock_person(tx, mailbox))

    return await db.retrying(work)


async def _begin(tx: Transaction, principal: Principal, person: Person) -> UUID:
    erasure_id = new_id()
    begun = await tx.find(
        sql.INSERT_ERASURE,
        erasure_id,
        person.account_id,
        person.email,
        person.email_key,
        principal.label,
    )
    if begun is None:
        return (await tx.one(sql.FIND_RUNNING, person.email_key)).id
    await tx.run(sql.TAKE_ORDERS, erasure_id, person.email, person.email_key, person.account_id)
    obstacles = await tx.all(sql.LIST_OBSTACLES, erasure_id, person.email)
    if obstacles:
        raise StillOpen(
            "These have to end first.",
            open=[msgspec.to_builtins(obstacle) for obstacle in obstacles],
        )
    if person.account_id is not None:
        await identities.close_account(tx, account_id=person.account_id, actor=principal.label)
    asked = events.fact(events.ERASURE_REQUESTED, erasure_id, actor=principal.label)
    await outbox.record(tx, [asked], now=begun.requested_at)
    return erasure_id


async def carry_on_erasing(db: Database) -> int:
    """One step of one erasure that is due; returns how many were carried out, 0 or 1.

    Any number of workers may do so at once. One that dies leaves its step to another.
    """

    async def work(tx: Transaction) -> int:
        due = await tx.find(sql.CLAIM_ERASURE)
        if due is None:
            return 0
        if due.step >= len(erasing.STEPS):
            await tx.one(sql.END_ROUND, due.id, AGAIN_AFTER)
            await outbox.record(tx, [events.fact(events.ERASED, due.id)], now=await clock.now(tx))
            return 1
        step = erasing.STEPS[due.step]
        await tx.one(sql.BEGIN_STEP, due.id)
        more = await _what_it_needs(tx, step.needs, due.id)
        count = await tx.run(step.statement, due.id, *more)
        await tx.run(sql.END_STEP, due.id, step.table, count)
        return 1

    return await db.retrying(work)


async def export_own(identity: Identity, *, principal: Principal, password: str) -> NewExport:
    """Order a copy of what is kept about whoever asks. Its token is returned here, nowhere else.

    An earlier copy that nobody has taken is void.

    Raises:
        SessionNeeded, InvalidCredentials, TooManyAttempts: The password was not shown.
        NotACustomer: The account is of somebody who works here.
        SessionOver: The account was closed meanwhile.
    """
    proven = await prove_password(identity, principal=principal, password=password)

    async def work(tx: Transaction) -> NewExport:
        return await _order(tx, principal, await _lock_own(tx, principal, proven))

    return await identity.db.retrying(work)


async def export_person(db: Database, *, principal: Principal, email: str) -> NewExport:
    """Order a copy for somebody without an account, whom staff have made sure of.

    Raises:
        TotpRequired, NotPermitted: ``privacy.write`` is lacking.
        NotACustomer: The account is of somebody who works here.
        InvalidInput: No such address can exist.
    """
    authorize(principal, Permission.PRIVACY_WRITE)
    mailbox = read_mailbox(email)

    async def work(tx: Transaction) -> NewExport:
        return await _order(tx, principal, await _lock_person(tx, mailbox))

    return await db.retrying(work)


async def _order(tx: Transaction, principal: Principal, person: Person) -> NewExport:
    export_id, token = new_id(), new_token()
    await tx.run(sql.DROP_EXPORTS, person.email_key)
    made = await tx.one(
        sql.INSERT_EXPORT,
        export_id,
        person.account_id,
        person.email,
        person.email_key,
        hash_token(token),
        principal.label,
        EXPORT_LIFETIME,
    )
    asked = events.fact(events.EXPORT_REQUESTED, export_id, actor=principal.label)
    await outbox.record(tx, [asked], now=made.expires_at - EXPORT_LIFETIME)
    return NewExport(export_id, token, made.expires_at)


async def make_export(db: Database) -> int:
    """Make one copy that was ordered; returns how many, 0 or 1."""

    async def work(tx: Transaction) -> int:
        due = await tx.find(sql.CLAIM_EXPORT)
        if due is None:
            return 0
        await tx.run(sql.FILL_EXPORT, due.id, await _collect(tx, due))
        return 1

    return await db.retrying(work)


async def take_export(db: Database, *, token: str) -> bytes:
    """The copy as a JSON document, once: it is deleted with the answer's commit.

    Raises:
        ExportNotFound: It was taken, is too old, or is none of ours.
        ExportNotReady: It is being made.
    """

    async def work(tx: Transaction) -> bytes:
        found = await tx.find(sql.FIND_EXPORT, hash_token(token))
        if found is None:
            raise ExportNotFound("Order another one.")
        if found.content is None:
            raise ExportNotReady("Ask again in a few seconds.")
        await tx.run(sql.DELETE_EXPORT, found.id)
        await outbox.record(
            tx, [events.fact(events.EXPORT_TAKEN, found.id)], now=await clock.now(tx)
        )
        return found.content

    return await db.retrying(work)


async def prune_exports(db: Database) -> int:
    """Delete copies that nobody took in time; returns how many."""
    async with db.connection() as connection:
        return await connection.run(sql.PRUNE_EXPORTS, _PRUNED)


async def _lock_own(tx: Transaction, principal: Principal, proven_hash: str) -> Person:
    account = await tx.find(sql.LOCK_ACCOUNT, principal.account_id)
    if account is None:
        raise SessionOver("Sign in again.")
    if account.password_hash != proven_hash:
        raise InvalidCredentials("This is not the password.")
    return _person_of(account)


async def _lock_person(tx: Transaction, mailbox: Mailbox) -> Person:
    account = await tx.find(sql.LOCK_ACCOUNT_BY_KEY, mailbox.key)
    return Person(mailbox.email, mailbox.key, None) if account is None else _person_of(account)


def _person_of(account: sql.FoundRow) -> Person:
    if account.kind is not AccountKind.CUSTOMER:
        raise NotACustomer("Disable the member instead.")
    return Person(account.email, account.email_key, account.id)


async def _what_it_needs(
    tx: Transaction, needs: erasing.Needs, erasure_id: UUID
) -> tuple[Any, ...]:
    if needs is erasing.Needs.REFERENCES:
        rows = await tx.all(sql.LIST_PAYMENTS, erasure_id)
        return ([merchant_reference(row.id) for row in rows],)
    if needs is erasing.Needs.RETENTION_YEARS:
        return ((await shop.load(tx)).document_retention_years,)
    return ()


async def _collect(tx: Connection, due: PersonalExport) -> bytes:
    """Everything, section by section; a section without rows is there and empty."""
    found: dict[str, Any] = {
        "about": due.email,
        "as_of": due.requested_at,
    }

    async def add(sections: Mapping[str, Statement[Row]], *values: Any) -> None:
        for name, statement in sections.items():
            found[name] = [one.row for one in await tx.all(statement, *values)]

    await add(exporting.BY_ACCOUNT, due.account_id)
    await add(exporting.BY_BOTH, due.account_id, due.email_key)
    await add(exporting.BY_ADDRESS, due.email_key)
    rows = await tx.all(exporting.LIST_ORDERS, due.account_id, due.email, due.email_key)
    await add(exporting_orders.BY_ORDERS, [row.id for row in rows])
    return msgspec.json.format(msgspec.json.encode(found), indent=2)
