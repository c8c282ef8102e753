"""What is known of whoever asks."""

from __future__ import annotations

import enum
import ipaddress
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.identity.permissions import EVERYTHING, Permission
from surehold.kernel.ids import AccountId, ApiKeyId, SavedAddressId, SessionId, VendorId


class AccountKind(enum.Enum):
    """Who somebody is to the store. Staff may what their roles permit, an admin everything."""

    CUSTOMER = "customer"
    VENDOR = "vendor"
    STAFF = "staff"
    ADMIN = "admin"


class SessionKind(enum.Enum):
    """What shows it: a browser's cookie, or a program's tokens."""

    BROWSER = "browser"
    API = "api"


class Proof(enum.Enum):
    """How somebody signed in; the strongest thing that was shown."""

    PASSWORD = "password"  # noqa: S105 - the name of a proof
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    MAGIC_LINK = "magic_link"


#: Proofs that took a second factor.
SECOND_FACTORS = frozenset({Proof.TOTP, Proof.RECOVERY_CODE})


class EndReason(enum.Enum):
    """Why a session is over before its time."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, no secret
    EMAIL_CHANGED = "email_changed"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a reason, no secret
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a reason, no secret
    FACTOR_CHANGED = "factor_changed"
    ACCOUNT_DISABLED = "account_disabled"


class LetterKind(enum.Enum):
    """What the store writes to an address about an account."""

    CONFIRM_REGISTRATION = "confirm_registration"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a kind of letter
    MAGIC_LINK = "magic_link"
    CONFIRM_EMAIL = "confirm_email"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, no secret


class ClaimKind(enum.Enum):
    """What made an order an account's own."""

    EMAIL = "email"
    TOKEN = "token"  # noqa: S105 - a kind of claim


class Place(msgspec.Struct, frozen=True):
    """Where a request comes from: an address, and what the program calls itself.

    ``language`` is the one that it asks for, ``None`` when letters are written in none such.
    """

    address: str = ""
    device: str = ""
    language: str | None = None

    @property
    def network(self) -> str:
        """What one household or machine has to itself: an IPv4 address, or an IPv6 /64.

        >>> Place("2001:db8:1:2:3::4").network, Place("192.0.2.7").network
        ('2001:db8:1:2::/64', '192.0.2.7')
        """
        try:
            found = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(found, ipaddress.IPv4Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))


class Account(msgspec.Struct, frozen=True):
    """One account, without its secrets."""

    id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    has_password: bool
    has_totp: bool
    created_at: datetime
    disabled_at: datetime | None


class StaffMember(msgspec.Struct, frozen=True):
    """An account of whoever works here, and its roles by code."""

    id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    roles: tuple[str, ...]
    has_totp: bool
    created_at: datetime
    disabled_at: datetime | None


class Role(msgspec.Struct, frozen=True):
    """What some of the staff may do."""

    code: str
    name: str
    permissions: tuple[str, ...]
    changed_by: str
    changed_at: datetime


class Principal(msgspec.Struct, frozen=True):
    """Who asks, proven, and what they may do here and now.

    By a session or by an API key: one of the two ids is set. ``permissions`` is what is left of
    the account's after the key's scopes and the settings.
    """

    account_id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    permissions: frozenset[Permission]
    session_id: SessionId | None = None
    key_id: ApiKeyId | None = None
    proof: Proof | None = None
    #: Everything is closed until a second factor was set up, or shown.
    needs_totp: bool = False
    #: The name of who has no account: the command line, and the operator.
    known_as: str | None = None
    #: The first letters of the key that was shown.
    key_prefix: str | None = None

    @property
    def label(self) -> str:
        """The name under which histories know who did something: no personal data."""
        if self.known_as is not None:
            return self.known_as
        if self.key_prefix is not None:
            return f"key:{self.key_prefix}"
        return f"{self.kind.value}:{self.account_id}"


#: Whoever shows the secret that the deployment holds in its settings.
OPERATOR: Final = Principal(
    account_id=AccountId(UUID(int=0)),
    kind=AccountKind.ADMIN,
    email="",
    name="Operator",
    vendor_id=None,
    permissions=EVERYTHING,
    known_as="operator",
)


class Session(msgspec.Struct, frozen=True):
    """One sign-in that has not ended."""

    id: SessionId
    kind: SessionKind
    proof: Proof
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class SignedIn(msgspec.Struct, frozen=True):
    """What a sign-in hands out: shown once, kept as hashes.

    Of ``cookie`` and the two tokens one is set. ``device`` makes this device a known one.
    """

    account: Account
    session_id: SessionId
    device: str | None
    cookie: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in_seconds: int = 0


class ApiKey(msgspec.Struct, frozen=True):
    """A program's key, without the key."""

    id: ApiKeyId
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTotp(msgspec.Struct, frozen=True):
    """A second factor that waits for its first code: shown once."""

    secret: str
    uri: str
    qr_svg: str


class Letter(msgspec.Struct, frozen=True):
    """One letter that is to be sent; ``token`` is the secret of its link."""

    kind: LetterKind
    email: str
    name: str
    token: str | None
    language: str
    new_email: str | None = None


class SavedAddress(msgspec.Struct, frozen=True):
    """One of a buyer's addresses, as its country writes it."""

    id: SavedAddressId
    content: dict[str, str | None]
    is_default: bool
    created_at: datetime
    updated_at: datetime


class ClaimedOrder(msgspec.Struct, frozen=True):
    """An order that is somebody's, and when it was placed."""

    order_id: UUID
    placed_at: datetime
