"""What the commands of this room work with, built once per process by the program's assembly."""

from __future__ import annotations

import msgspec

from surehold.config import Config
from surehold.db import Database
from surehold.identity.engine import Identity, identity_of
from surehold.identity.tokens import LinkTokens
from surehold.notifications.mailers import Mailer, mailer_of


class Notifications(msgspec.Struct, frozen=True):
    """Everything that telling somebody needs."""

    db: Database
    identity: Identity
    mailer: Mailer
    #: Where links lead: what is set, never what a request said.
    base_url: str
    store_name: str
    #: What signs the link that ends letters which nobody has to get.
    links: LinkTokens


def notifications_of(config: Config, db: Database) -> Notifications:
    """The parts of one process, from settings.

    Raises:
        MailSettingsFault: The address of the mail server cannot be used.
    """
    return Notifications(
        db,
        identity_of(config, db),
        mailer_of(config),
        config.base_url,
        config.store_name,
        LinkTokens(tuple(secret.get_secret_value() for secret in config.secret_keys)),
    )
