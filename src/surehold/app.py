"""Assembly, the only place that knows everything: the parts of one process, from settings."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from surehold.checkout.commands import Inbox, PlacementWork, SettlementWork
from surehold.checkout.engine import Checkout, Context
from surehold.checkout.lane import Lane, LaneSettings
from surehold.config import Config
from surehold.db import Database
from surehold.db.database import Settings as DatabaseSettings
from surehold.identity.tokens import OrderAccess, Seals
from surehold.payments.providers.kinds import open_providers
from surehold.payments.providers.registry import Providers
from surehold.web.api.shapes import renderer
from surehold.web.application import WebApplication, create_web
from surehold.web.assets import AssetIndex
from surehold.web.storefront.application import create_store

if TYPE_CHECKING:
    from litestar import Litestar


#: Where product pictures come from when no folder is set.
DEMO_PICTURES: Final = Path(__file__).with_name("demo") / "images"


#: Connections of each process that are kept for checkouts and webhooks.
POOL_RESERVE: Final = 2


class MissingSetting(RuntimeError):
    """A setting without which this process cannot work."""


def database_of(config: Config, *, name: str) -> Database:
    """The store's database, not yet open.

    Raises:
        MissingSetting: No address of a database server is set.
    """
    if config.database_url is None:
        raise MissingSetting("SUREHOLD_DATABASE_URL is not set and no embedded server was started")
    return Database(
        DatabaseSettings(
            url=config.database_url.get_secret_value(),
            schema=config.store,
            pool_max=config.pool_max,
            pool_reserve=min(POOL_RESERVE, config.pool_max // 4),
            application_name=f"surehold:{name}",
        )
    )


def access_of(config: Config) -> OrderAccess:
    """What signs and checks guests' access to their orders.

    Raises:
        MissingSetting: No secret is set.
    """
    if not config.secret_keys:
        raise MissingSetting("SUREHOLD_SECRET_KEYS is not set")
    return OrderAccess(tuple(secret.get_secret_value() for secret in config.secret_keys))


def checkout_of(
    config: Config,
    db: Database,
    *,
    providers: Providers | None = None,
    lane_settings: LaneSettings | None = None,
) -> Checkout:
    """The two lanes and all that their commands need; not yet open."""
    access = access_of(config)
    context = Context(
        db=db,
        providers=providers if providers is not None else open_providers(config),
        access=access,
        base_url=config.base_url,
        render=renderer(access),
        seals=Seals(tuple(secret.get_secret_value() for secret in config.secret_keys)),
    )
    return Checkout(
        context,
        placing=Lane(
            db, name="placing", work=PlacementWork(context), settings=lane_settings, runners=2
        ),
        settling=Lane(db, name="settling", work=SettlementWork(context), settings=lane_settings),
    )


@asynccontextmanager
async def open_checkout(config: Config, *, name: str) -> AsyncIterator[Checkout]:
    """A working checkout for a process without a web server: the worker, commands, tests."""
    async with database_of(config, name=name) as db:
        checkout = checkout_of(config, db)
        await checkout.open()
        try:
            yield checkout
        finally:
            await checkout.close()
            await checkout.context.providers.close()


def create_app(config: Config) -> WebApplication:
    """The whole shop of one process: pages, JSON API, webhooks. Its lifespan opens the parts.

    Raises:
        MissingSetting: The settings lack something without which it cannot work.
    """
    db = database_of(config, name="web")
    checkout = checkout_of(config, db)
    inbox = Inbox(checkout)

    @asynccontextmanager
    async def live(_: Litestar) -> AsyncIterator[None]:
        async with db:
            await checkout.open()
            _settle_memory()
            try:
                yield
            finally:
                await inbox.close()
                await checkout.close()
                await checkout.context.providers.close()

    media = (config.media_dir,) if config.media_dir else (DEMO_PICTURES,)
    index = AssetIndex()
    pages = create_store(config, checkout, assets=index, media=media)
    return create_web(config, checkout, inbox, index=index, pages=pages, lifespan=[live])


def _settle_memory() -> None:
    """What was made while starting stays, so the collector need not walk it for every request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
