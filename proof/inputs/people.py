"""Everybody who may ask, as the access matrix names them, and what proves it.

What is generated ends sessions, and access tokens run out. Whoever is no longer known signs in
anew: a run of hours asks as everybody to its end.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from proof.inputs.place import Stage
from surehold.identity import commands, queries
from surehold.identity.engine import Identity
from surehold.identity.errors import InvalidCredentials
from surehold.identity.model import AccountKind, SessionKind, SignedIn
from surehold.identity.permissions import EVERYTHING, Permission
from surehold.kernel.ids import VendorId
from tests.builders.accounts import PASSWORD, SHELL, a_customer, a_member, an_identity, sign_in
from tests.builders.catalog import a_vendor
from tests.support.shop import SECRETS

STAFF: Final = SECRETS["SUREHOLD_STAFF_SECRET"]
CRON: Final = SECRETS["SUREHOLD_CRON_SECRET"]


class Who(enum.Enum):
    """Whose proof a request carries; the value is the caller's column of the access matrix."""

    NOBODY = "nobody"
    #: Somebody with a proof that is none.
    STRANGER = "stranger"
    GUEST = "guest"
    BUYER = "buyer"
    OTHER_BUYER = "other_buyer"
    #: A buyer who signed in with a browser.
    BROWSER = "browser"
    VENDOR = "vendor"
    OTHER_VENDOR = "other_vendor"
    UNPERMITTED = "unpermitted"
    STAFF = "staff"
    ADMIN = "admin"
    #: A key whose scopes no route asks for, and one that may all that its maker may.
    KEY = "key"
    WIDE_KEY = "wide_key"
    OPERATOR = "operator"
    CRON = "cron"

    @property
    def column(self) -> str:
        """The caller of the access matrix who is answered as this one is; it has no schedulers."""
        return _SAME_AS.get(self, self).value


_SAME_AS: Final = {
    Who.STRANGER: Who.NOBODY,
    Who.BROWSER: Who.BUYER,
    Who.WIDE_KEY: Who.ADMIN,
}

#: A buyer whose password is sent now and then; whoever asks has another, and so stays.
KNOWN_BUYER: Final = "lena@example.com"
_BUYERS_PASSWORD: Final = "the-tide-takes-the-lamp-52"  # noqa: S105 - of nobody
#: Who signs in, and with which address.
ACCOUNTS: Final[Mapping[Who, str]] = {
    Who.BUYER: "mara@example.com",
    Who.OTHER_BUYER: "otto@example.com",
    Who.BROWSER: "bea@example.com",
    Who.VENDOR: "vera@example.com",
    Who.OTHER_VENDOR: "theo@example.com",
    Who.UNPERMITTED: "nick@example.com",
    Who.STAFF: "sara@example.com",
    Who.ADMIN: "ada@example.com",
}
_BUYERS: Final = (Who.BUYER, Who.OTHER_BUYER, Who.BROWSER)
KEYS: Final[Mapping[Who, tuple[Permission, ...]]] = {
    Who.KEY: (Permission.SETTINGS_WRITE,),
    Who.WIDE_KEY: tuple(sorted(EVERYTHING, key=str)),
}
#: Whom only an account can prove.
_BY_ACCOUNT: Final = frozenset({*ACCOUNTS, *KEYS})
_BY_PERMISSION: Final = frozenset(
    {Who.VENDOR, Who.OTHER_VENDOR, Who.STAFF, Who.ADMIN, Who.WIDE_KEY, Who.OPERATOR}
)
#: Who shows the tokens of carts and orders.
BY_TOKEN: Final = frozenset({Who.GUEST, Who.BUYER, Who.BROWSER})

#: What a shop's security schemes accept as proof; a role may be less than its scheme.
PROOFS: Final[Mapping[str, frozenset[Who]]] = {
    "staff": _BY_PERMISSION,
    "account": _BY_ACCOUNT,
    "browser_session": _BY_ACCOUNT,
    "cron": frozenset({Who.CRON}),
    "order_token": BY_TOKEN,
    "cart_token": BY_TOKEN,
    # Of lists of wishes and of drafts' links nobody here has a token.
    "wishlist_token": frozenset(),
    "draft_token": frozenset(),
}


_COME_BACK: Final = """
INSERT INTO accounts
SELECT * FROM jsonb_populate_record(NULL::accounts, $1::text::jsonb)
    ON CONFLICT (id) DO UPDATE
   SET email = EXCLUDED.email,
       email_key = EXCLUDED.email_key,
       password_hash = EXCLUDED.password_hash,
       disabled_at = NULL,
       disabled_by = NULL
"""


class People:
    """The accounts of a shop, and what each of them shows."""

    def __init__(self, stage: Stage) -> None:
        self._db = stage.db
        self._base_url = stage.shop.base_url
        self._identity: Identity = an_identity(stage.db, base_url=stage.shop.base_url)
        self._accounts: dict[Who, str] = {}
        self.headers: dict[Who, dict[str, str]] = {
            Who.NOBODY: {},
            Who.STRANGER: {},
            Who.GUEST: {},
            Who.OPERATOR: _bearer(STAFF),
            Who.CRON: _bearer(CRON),
        }

    async def arrive(self) -> None:
        """Make every account, and sign everybody in."""
        for code, held in (("all", EVERYTHING), ("none", frozenset[Permission]())):
            await commands.create_role(
                self._identity,
                principal=SHELL,
                code=code,
                name=code,
                permissions=sorted(held, key=str),
            )
        async with self._db.transaction() as tx:
            vendor = await a_vendor(tx, slug="northline")
            other = await a_vendor(tx, slug="tarn")
        for who in _BUYERS:
            await a_customer(self._identity, ACCOUNTS[who], password=_BUYERS_PASSWORD)
        await a_customer(self._identity, KNOWN_BUYER)
        await self._hire(Who.VENDOR, "all", kind=AccountKind.VENDOR, vendor_id=vendor)
        await self._hire(Who.OTHER_VENDOR, "all", kind=AccountKind.VENDOR, vendor_id=other)
        await self._hire(Who.UNPERMITTED, "none")
        await self._hire(Who.STAFF, "all")
        await self._hire(Who.ADMIN, kind=AccountKind.ADMIN)
        await self._make_keys()
        for who in ACCOUNTS:
            await self._show(who)
            async with self._db.connection() as connection:
                row = await connection.raw.fetchval(
                    "SELECT to_jsonb(accounts)::text FROM accounts WHERE email = $1", ACCOUNTS[who]
                )
            self._accounts[who] = row

    async def _hire(
        self,
        who: Who,
        *roles: str,
        kind: AccountKind = AccountKind.STAFF,
        vendor_id: VendorId | None = None,
    ) -> None:
        await a_member(self._identity, ACCOUNTS[who], kind=kind, roles=roles, vendor_id=vendor_id)

    async def proves(self, who: Who) -> bool:
        """Whether what somebody shows still opens something."""
        if who not in ACCOUNTS:
            return True
        async with self._db.connection() as connection:
            if who is Who.BROWSER:
                cookie = self.headers[who]["Cookie"].partition("=")[2]
                return await queries.find_by_cookie(connection, token=cookie) is not None
            token = self.headers[who]["Authorization"].partition(" ")[2]
            found = await queries.find_by_bearer(connection, self._identity, token=token)
        return found is not None

    async def prove_again(self, who: Who) -> None:
        """Sign in once more: a session was ended, or ran out, or the account is no more.

        Whoever is let change a password, or erase an account, may; here they come back as they
        were.
        """
        try:
            await self._show(who)
        except InvalidCredentials:
            await self._come_back(who)
            await self._show(who)

    async def _come_back(self, who: Who) -> None:
        async with self._db.transaction() as tx:
            await tx.raw.execute(_COME_BACK, self._accounts[who])

    async def _show(self, who: Who) -> None:
        password = _BUYERS_PASSWORD if who in _BUYERS else PASSWORD
        if who is Who.BROWSER:
            signed_in = await self._sign_in(ACCOUNTS[who], password, SessionKind.BROWSER)
            self.headers[who] = {
                "Cookie": f"surehold_session={signed_in.cookie}",
                "Origin": self._base_url,
            }
        else:
            signed_in = await self._sign_in(ACCOUNTS[who], password, SessionKind.API)
            self.headers[who] = _bearer(str(signed_in.access_token))

    async def _sign_in(self, email: str, password: str, kind: SessionKind) -> SignedIn:
        async with self._db.connection() as connection:
            # Wrong passwords for these addresses are generated, too: they do not count here.
            await connection.raw.execute("DELETE FROM attempt_counts")
        return await sign_in(self._identity, email, password=password, kind=kind)

    async def _make_keys(self) -> None:
        """Of an admin who asks for nothing, so that nobody here can revoke them."""
        email = "kim@example.com"
        await a_member(self._identity, email, kind=AccountKind.ADMIN)
        signed_in = await self._sign_in(email, PASSWORD, SessionKind.API)
        async with self._db.connection() as connection:
            found = await queries.find_by_bearer(
                connection, self._identity, token=str(signed_in.access_token)
            )
        assert found is not None
        for who, scopes in KEYS.items():
            _, key = await commands.create_key(
                self._db, principal=found[0], name=who.value, scopes=scopes, expires_at=None
            )
            self.headers[who] = _bearer(key)


async def hire_spares(stage: Stage, count: int = 3) -> tuple[str, ...]:
    """Members whom the admins of a run close, open and change: nobody of those who ask."""
    identity = an_identity(stage.db, base_url=stage.shop.base_url)
    members = [await a_member(identity, f"spare{number}@example.com") for number in range(count)]
    return tuple(str(member.id) for member in members)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
