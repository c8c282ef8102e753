"""What requests and answers about accounts are made of."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from surehold.cart import commands as carts
from surehold.identity.errors import (
    CodeInvalid,
    CodeRequired,
    InvalidCredentials,
    SessionNeeded,
    SessionOver,
    TooManyAttempts,
)
from surehold.identity.model import Account, AccountKind, Proof, SessionKind, SignedIn
from surehold.identity.permissions import Permission
from surehold.identity.rules import PASSWORD_MAX, PASSWORD_MIN
from surehold.kernel.errors import Busy
from surehold.kernel.ids import AccountId, SessionId, VendorId
from surehold.web.api.access import find_cart_token
from surehold.web.api.fields import Email
from surehold.web.api.identity.caller import set_cart_cookie, set_cookies
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of
from surehold.web.errors import ForeignPage, Unauthenticated
from surehold.web.openapi import ACCOUNT, BROWSER

#: What every route refuses that asks who somebody is.
KNOWN_ERRORS: Final = (Unauthenticated, SessionOver, ForeignPage)
PROVEN_ERRORS: Final = (
    *KNOWN_ERRORS,
    SessionNeeded,
    InvalidCredentials,
    TooManyAttempts,
    Busy,
)
SIGN_IN_ERRORS: Final = (CodeRequired, CodeInvalid, TooManyAttempts, Busy)
BY_ACCOUNT: Final = (ACCOUNT, BROWSER)

Password = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=PASSWORD_MAX,
        description="As it is; nothing is cut off or folded.",
        examples=["quiet-harbor-lamp-41"],
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        min_length=PASSWORD_MIN,
        max_length=PASSWORD_MAX,
        description="Any signs. Not the e-mail address, and none of the most common ones.",
        examples=["quiet-harbor-lamp-41"],
    ),
]
PersonName = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Token = Annotated[
    str, Meta(min_length=1, max_length=200, description="As the letter's link has it.")
]
Code = Annotated[
    str,
    Meta(
        min_length=6,
        max_length=30,
        description="Six digits of an authenticator, or a recovery code.",
        examples=["492039"],
    ),
]


class SessionForm(enum.Enum):
    """How the session is shown from then on."""

    TOKENS = "tokens"
    COOKIE = "cookie"


class EmailBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose account is meant."""

    email: Email


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a letter's link."""

    token: Token


class PasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The current password, once more."""

    password: Password


class AccountShape(msgspec.Struct, frozen=True):
    """An account. ``has_totp``: a second factor is set up."""

    id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    has_password: bool
    has_totp: bool
    created_at: datetime


class MeShape(AccountShape, frozen=True):
    """Who asks, and what they may. ``needs_totp``: nothing, until a second factor is set up."""

    permissions: tuple[Permission, ...]
    session_id: SessionId | None
    proof: Proof | None
    needs_totp: bool


class SignedInShape(msgspec.Struct, frozen=True):
    """A session has begun. With a cookie the tokens are null.

    Send ``device`` with the next sign-in on the same device: then failed attempts of others do not
    stand in its way. ``cart_token`` opens the account's cart, which has what the cart that came
    with the sign-in had.
    """

    account: AccountShape
    session_id: SessionId
    access_token: str | None
    token_type: str
    expires_in: int
    refresh_token: str | None
    device: str | None
    cart_token: str | None


class AcceptedShape(msgspec.Struct, frozen=True):
    """It was taken. What comes of it is in a letter, if there is anything to say."""

    status: str = "accepted"


ACCEPTED: Final = AcceptedShape()


def account_shape(account: Account) -> AccountShape:
    """An account as it is told."""
    return AccountShape(*(getattr(account, name) for name in AccountShape.__struct_fields__))


def kind_of(form: SessionForm) -> SessionKind:
    """What will show the session."""
    return SessionKind.BROWSER if form is SessionForm.COOKIE else SessionKind.API


async def signed_in_answer(request: ApiRequest, parts: Parts, signed_in: SignedIn) -> ApiResponse:
    """A session that has begun, with its cookies where a browser asked, and a buyer's cart.

    What a cart cannot take over is told by the cart: signing in never fails for it.
    """
    is_cookie = signed_in.cookie is not None
    cart_token = None
    if signed_in.account.kind is AccountKind.CUSTOMER:
        shown, _ = find_cart_token(headers_of(request))
        cart_token = await carts.adopt_cart(parts.db, buyer_id=signed_in.account.id, token=shown)
    response = answer(
        SignedInShape(
            account_shape(signed_in.account),
            signed_in.session_id,
            signed_in.access_token,
            "Bearer",
            signed_in.expires_in_seconds,
            signed_in.refresh_token,
            None if is_cookie else signed_in.device,
            cart_token,
        )
    )
    set_cookies(response, parts, signed_in)
    if is_cookie and cart_token is not None:
        set_cart_cookie(response, parts, cart_token)
    return response
