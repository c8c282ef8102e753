"""Gives the demo shop a past: ninety days of orders, parcels, returns and reviews.

All of it is made by the commands that people use, one after the other in the order in which it
happened, on connections whose clock was turned back. A store is given a past once: whatever is
there when it begins, or is left when it is stopped half-way, stays as it is.
"""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Final

import msgspec

from surehold.app import checkout_of, database_of
from surehold.cart import commands as carts
from surehold.catalog import queries as catalog_queries
from surehold.config import Config
from surehold.db import Connection, Database
from surehold.db.past import PastDatabase
from surehold.demo.lives import STAFF, Goods, Lives
from surehold.demo.load import DemoCatalog, read_catalog
from surehold.demo.people import BUYER, OTHER_ADDRESSES, Person
from surehold.demo.plan import ORDERS, SEED, Arrived, Event, Plan, begin_of, make_plan
from surehold.identity import commands as identities
from surehold.identity import queries as identity_queries
from surehold.identity.engine import Identity, identity_of
from surehold.identity.errors import AddressTaken
from surehold.identity.model import Account
from surehold.identity.rules import read_mailbox
from surehold.inventory import commands as inventory
from surehold.inventory import queries as stock
from surehold.kernel import clock
from surehold.kernel.ids import AccountId, LocationId
from surehold.orders import queries as order_queries
from surehold.orders.model import OrderFilter

#: Nobody signs in with the passwords that this hashes: they are thrown away.
_CHEAP_HASHES: Final = {"argon2_memory_kib": 8, "argon2_passes": 1}
_WISHES: Final = ("summit-watch", "fell-lounge-chair", "brass-compass", "day-pack")


class NoDemoCatalog(RuntimeError):
    """The store does not sell what the demo shop sells, so it has no part in the demo's past."""


class Filled(msgspec.Struct, frozen=True):
    """What was made. ``is_new`` is false when the store had a past before and nothing was done."""

    is_new: bool
    orders: int = 0
    reviews: int = 0
    #: Steps that a command refused; each ended a life.
    refused: int = 0


def before_history(db: Database) -> PastDatabase:
    """The same database on the day before a past begins: what the catalog is loaded with then."""
    return PastDatabase(db.settings, begins_at=begin_of(clock.now()))


async def is_without_past(db: Database, *, source: DemoCatalog | None = None) -> bool:
    """Whether a past may be given to the store: nobody ordered, and nothing of one was begun."""
    first = make_plan(source or read_catalog(), until=clock.now()).buyers[1]
    async with db.connection() as connection:
        orders = await order_queries.list_orders(connection, wanted=OrderFilter(), limit=1)
        known = await _find(connection, first)
    return not orders.items and known is None


async def fill_history(
    config: Config,
    *,
    orders: int = ORDERS,
    until: datetime | None = None,
    source: DemoCatalog | None = None,
    seed: int = SEED,
) -> Filled:
    """Give a store that sells the demo catalog, and that nobody ordered from, its past.

    ``until``: when the past ends; unless given, now. Stopped half-way, it is left as it is then.

    Raises:
        NoDemoCatalog: The store sells something else, or nothing.
    """
    catalog = read_catalog() if source is None else source
    plan = make_plan(catalog, until=until or clock.now(), orders=orders, seed=seed)
    async with AsyncExitStack() as stack:
        settings = database_of(config, name="history").settings
        db = await stack.enter_async_context(PastDatabase(settings, begins_at=plan.begins_at))
        goods = await _goods(db, catalog)
        if not await is_without_past(db, source=catalog):
            return Filled(is_new=False)
        try:
            accounts = await _open_accounts(config, db, plan)
        except AddressTaken:  # somebody else begins at the same moment
            return Filled(is_new=False)
        checkout = checkout_of(config, db)
        stack.push_async_callback(checkout.context.providers.close)
        await checkout.open()
        stack.push_async_callback(checkout.close)
        lives = Lives(checkout, goods=goods, accounts=accounts, seed=seed)
        main = await _main_location(db)
        for event in _in_order(plan):
            await db.move(event.at)
            if isinstance(event, Arrived):
                await _receive(db, event, goods, main)
            else:
                await lives.go_on(event)
    return Filled(is_new=True, orders=lives.orders, reviews=lives.reviews, refused=lives.refused)


def _in_order(plan: Plan) -> list[Event | Arrived]:
    found: list[Event | Arrived] = [*plan.arrivals, *plan.events]
    return sorted(found, key=lambda one: one.at)


async def _goods(db: Database, catalog: DemoCatalog) -> Goods:
    slugs = [entry.slug for entry in catalog.products]
    async with db.connection() as connection:
        stored = await catalog_queries.list_stored(connection, slugs=slugs)
    variants = {row.sku: row.id for one in stored.values() for row in one.variants}
    wanted = {row.sku for entry in catalog.products for row in entry.variants}
    if not wanted <= variants.keys():
        raise NoDemoCatalog("The store does not have the demo catalog.")
    return Goods(variants, {slug: one.id for slug, one in stored.items()})


async def _main_location(db: Database) -> LocationId:
    async with db.connection() as connection:
        return (await stock.list_locations(connection))[0].id


async def _receive(db: Database, arrived: Arrived, goods: Goods, to: LocationId) -> None:
    await inventory.receive_stock(
        db,
        arrivals=[
            inventory.Arrival(goods.variants[sku], to, units)
            for sku, units in arrived.units.items()
        ],
        reference=f"delivery of {arrived.at:%Y-%m-%d}",
        actor=STAFF.name,
    )


# --- accounts ------------------------------------------------------------------------------------


async def add_known_buyer(identity: Identity, *, password: str) -> None:
    """Make the account whose password is told. Twice changes nothing."""
    with suppress(AddressTaken):
        await _add(identity, BUYER, password)


async def _open_accounts(config: Config, db: Database, plan: Plan) -> dict[str, AccountId]:
    """Everybody's account by address; the first tells that the past was begun.

    Raises:
        AddressTaken: It was.
    """
    identity = identity_of(config.model_copy(update=_CHEAP_HASHES), db)
    found: dict[str, AccountId] = {}
    for person in plan.buyers[1:]:
        account = await _add(identity, person, secrets.token_urlsafe(24))
        found[person.email] = account.id
    await add_known_buyer(identity, password=secrets.token_urlsafe(24))
    async with db.connection() as connection:
        known = await _find(connection, BUYER)
    assert known is not None
    found[BUYER.email] = known
    await _furnish(db, known)
    return found


async def _furnish(db: Database, account_id: AccountId) -> None:
    """Give the known buyer addresses and wishes."""
    for address in (BUYER.address, *OTHER_ADDRESSES):
        content = msgspec.to_builtins(address)
        await identities.save_address(
            db, account_id=account_id, content=content, is_default=address is BUYER.address
        )
    async with db.connection() as connection:
        stored = await catalog_queries.list_stored(connection, slugs=_WISHES)
    token: str | None = None
    for one in stored.values():
        if token is None:
            _, token = await carts.create_wishlist(db, variant_id=one.variants[0].id)
        else:
            await carts.add_wish(db, token=token, variant_id=one.variants[0].id)
    await carts.adopt_wishlist(db, buyer_id=account_id, token=token)


async def _add(identity: Identity, person: Person, password: str) -> Account:
    return await identities.add_buyer(
        identity,
        email=person.email,
        name=person.name,
        password=password,
        by=STAFF.name,
        language=person.language,
    )


async def _find(connection: Connection, person: Person) -> AccountId | None:
    key = read_mailbox(person.email).key
    found = await identity_queries.find_account_by_email(connection, key=key)
    return None if found is None else found.id
