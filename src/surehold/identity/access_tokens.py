"""Access tokens of programs: signed, short, and only as good as the session they name.

JWT with HS256, so that a program's own libraries can read when it is over. A token opens nothing
by itself: the session is looked at each time, so signing out is at once and everywhere.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec

from surehold.identity.rules import ACCESS_TOKEN_SECONDS
from surehold.kernel.ids import SessionId

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "surehold-api"
#: Longer ones are none of ours, and are not even read.
_LENGTH_MAX: Final = 1_000


class Claim(msgspec.Struct, frozen=True):
    """What a token says: which session, and until when. Whether it is over is for the database."""

    session_id: SessionId
    expires_at: datetime


class AccessTokens:
    """Signs and reads access tokens. The first secret signs, all verify."""

    def __init__(self, secrets: tuple[str, ...], *, issuer: str) -> None:
        if not secrets or not all(secrets):
            raise ValueError("access tokens need at least one secret, and no empty one")
        # A key of their own: what signs links or orders signs no session.
        keys = [
            hmac.digest(secret.encode(), b"surehold access token", "sha256") for secret in secrets
        ]
        self._keys = {hashlib.sha256(key).hexdigest()[:16]: key for key in keys}
        self._signing = next(iter(self._keys))
        self._issuer = issuer

    def make(self, *, account_id: UUID, session_id: UUID, now: datetime) -> str:
        """A token of a session; ``now`` is the database's."""
        claims = {
            "iss": self._issuer,
            "aud": _AUDIENCE,
            "sub": str(account_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + timedelta(seconds=ACCESS_TOKEN_SECONDS),
        }
        return jwt.encode(
            claims, self._keys[self._signing], _ALGORITHM, headers={"kid": self._signing}
        )

    def find(self, token: str) -> Claim | None:
        """What one of our tokens says, or ``None``."""
        if len(token) > _LENGTH_MAX:
            return None
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=self._issuer,
                # This server's clock decides nothing: the statement that finds the session does.
                options={
                    "require": ["exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            return Claim(
                SessionId(UUID(claims["sid"])), datetime.fromtimestamp(int(claims["exp"]), UTC)
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError, OverflowError):
            return None
