"""Accounts, as their owners and the shop's command line make them."""

from __future__ import annotations

from typing import Any, Final

from surehold.db import Database
from surehold.identity import commands
from surehold.identity.engine import Identity, identity_of
from surehold.identity.model import (
    AccountKind,
    LetterKind,
    Place,
    Principal,
    SessionKind,
    SignedIn,
    StaffMember,
)
from surehold.identity.permissions import EVERYTHING
from surehold.identity.tokens import LinkTokens
from surehold.jobs import outbox
from surehold.kernel.ids import AccountId, VendorId
from surehold.notifications.commands import deliver, take_fact
from surehold.notifications.engine import Notifications
from surehold.notifications.mailers import MailNotTaken
from surehold.notifications.model import Mail
from tests.support.api import NOBODY, a_config

PASSWORD: Final = "quiet-harbor-lamp-41"
HOME: Final = Place("192.0.2.7", "Firefox")
#: Who may everything, without an account: what the command line acts as.
SHELL: Final = Principal(
    AccountId(NOBODY), AccountKind.ADMIN, "", "", None, EVERYTHING, known_as="cli:test"
)


class Letterbox:
    """A mailer that keeps what it is handed, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusals: list[MailNotTaken] = []

    async def send(self, mail: Mail) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.mails.append(mail)


class Post:
    """The worker's part: hands facts on, sends what is due, and finds the links in it."""

    def __init__(self, db: Database) -> None:
        self.box = Letterbox()
        self.notifications = Notifications(
            db,
            identity_of(a_config(), db),
            self.box,
            "http://shop.test",
            "Northline",
            LinkTokens(("a-secret-of-the-tests",)),
        )

    async def fetch(self) -> list[Mail]:
        """Mails that were sent by now and not fetched before."""

        async def hear(event: outbox.Event) -> None:
            await take_fact(self.notifications, event)

        await outbox.publish(self.notifications.db, subscribers=(hear,))
        while await deliver(self.notifications):
            pass
        found, self.box.mails = self.box.mails, []
        return found

    async def token(self, kind: LetterKind) -> str:
        """The secret of the one letter that came, which is of this kind."""
        (mail,) = await self.fetch()
        assert mail.kind == kind.value
        return mail.text.partition("?token=")[2].split()[0]


def an_identity(db: Database, **settings: Any) -> Identity:
    return identity_of(a_config(**settings), db)


async def a_customer(
    identity: Identity, email: str = "mara@example.com", *, password: str = PASSWORD
) -> None:
    """Register and confirm."""
    await commands.register(identity, email=email, password=password, name="Mara", place=HOME)
    token = await Post(identity.db).token(LetterKind.CONFIRM_REGISTRATION)
    await commands.confirm_registration(identity, token=token)


async def a_member(
    identity: Identity,
    email: str = "ines@example.com",
    *,
    kind: AccountKind = AccountKind.STAFF,
    roles: tuple[str, ...] = (),
    vendor_id: VendorId | None = None,
) -> StaffMember:
    return await commands.add_member(
        identity,
        principal=SHELL,
        email=email,
        name="Ines",
        kind=kind,
        roles=roles,
        vendor_id=vendor_id,
        password=PASSWORD,
    )


async def sign_in(identity: Identity, email: str = "mara@example.com", **more: Any) -> SignedIn:
    return await commands.sign_in(
        identity,
        **{
            "email": email,
            "password": PASSWORD,
            "code": None,
            "device": None,
            "place": HOME,
            "kind": SessionKind.API,
            **more,
        },
    )
