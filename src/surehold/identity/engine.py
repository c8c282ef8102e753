"""What the commands of this room work with, built once per process by the program's assembly."""

from __future__ import annotations

import msgspec

from surehold.config import Config
from surehold.db import Database
from surehold.identity.access_tokens import AccessTokens
from surehold.identity.passwords import HashingSettings, Passwords
from surehold.identity.tokens import Seals


class Identity(msgspec.Struct, frozen=True):
    """Everything that a command of this room needs."""

    db: Database
    passwords: Passwords
    access_tokens: AccessTokens
    seals: Seals
    store_name: str


def identity_of(config: Config, db: Database) -> Identity:
    """The parts of one process, from settings."""
    keys = tuple(secret.get_secret_value() for secret in config.secret_keys)
    return Identity(
        db=db,
        passwords=Passwords(
            HashingSettings(config.argon2_memory_kib, config.argon2_passes, config.argon2_lanes)
        ),
        access_tokens=AccessTokens(keys, issuer=config.base_url),
        seals=Seals(keys),
        store_name=config.store_name,
    )
