"""Proofs that need no row: a guest's access to one order, and secrets of machines."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from uuid import UUID

_BYTES: Final = 18
_MARK_BYTES: Final = 16


class OrderAccess:
    """Makes and checks the token with which a guest reads one order.

    The token is a keyed hash of the order's id, so the same checkout always answers the same
    token. Several secrets may be live while one is rotated: the first signs, all verify.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("order access needs at least one secret, and no empty one")
        # A secret may be longer than BLAKE2 takes as its key.
        self._keys = tuple(hashlib.sha256(secret.encode()).digest() for secret in secrets)

    def token(self, order_id: UUID) -> str:
        """The token of one order: 24 letters, safe in an address."""
        return self._sign(self._keys[0], order_id)

    def is_valid(self, token: str, *, order_id: UUID) -> bool:
        """Whether the token opens this order; compared in constant time."""
        given = token.encode("utf-8", "replace")
        results = [
            hmac.compare_digest(self._sign(key, order_id).encode(), given) for key in self._keys
        ]
        return any(results)

    @staticmethod
    def _sign(key: bytes, order_id: UUID) -> str:
        # A keyed BLAKE2 in one call: the lane signs every order that it places.
        digest = hashlib.blake2b(order_id.bytes, key=key, digest_size=_BYTES, person=b"order")
        return base64.urlsafe_b64encode(digest.digest()).decode()


class LinkTokens:
    """Makes and reads what a link in a letter carries: 32 bytes at most, and our signature.

    A token of one purpose opens nothing of another. The first secret signs, all verify.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("links need at least one secret, and no empty one")
        self._keys = tuple(hashlib.sha256(secret.encode()).digest() for secret in secrets)

    def make(self, purpose: str, subject: bytes) -> str:
        """The token of a subject, safe in an address. Whoever has it may do what it is for."""
        signed = subject + self._sign(self._keys[0], purpose, subject)
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def find(self, purpose: str, token: str) -> bytes | None:
        """The subject of a token that we made for this purpose; compared in constant time."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        subject, given = raw[:-_BYTES], raw[-_BYTES:]
        results = [
            hmac.compare_digest(self._sign(key, purpose, subject), given) for key in self._keys
        ]
        return subject if any(results) else None

    @staticmethod
    def _sign(key: bytes, purpose: str, subject: bytes) -> bytes:
        person = purpose.encode("ascii")
        return hashlib.blake2b(subject, key=key, digest_size=_BYTES, person=person).digest()


class Seals:
    """Hides a short text that must not lie readable in a table, and finds it again.

    Each text is hidden by a mask of its own, made of our secret, the purpose and the subject, so
    one subject seals one text. The first secret seals, all open.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("seals need at least one secret, and no empty one")
        self._keys = tuple(hashlib.sha256(secret.encode()).digest() for secret in secrets)

    def seal(self, purpose: str, subject: UUID, text: str) -> str:
        """The text as nobody can read it, of at most 64 bytes."""
        raw = text.encode("ascii")
        mask, mark = self._mask(self._keys[0], purpose, subject, raw)
        hidden = bytes(one ^ other for one, other in zip(raw, mask, strict=False))
        return base64.urlsafe_b64encode(mark + hidden).decode()

    def find(self, purpose: str, subject: UUID, sealed: str) -> str | None:
        """The text that was sealed for this subject; ``None`` when its secret is gone."""
        raw = base64.urlsafe_b64decode(sealed)
        given, hidden = raw[:_BYTES], raw[_BYTES:]
        for key in self._keys:
            mask, _ = self._mask(key, purpose, subject, b"")
            text = bytes(one ^ other for one, other in zip(hidden, mask, strict=False))
            _, mark = self._mask(key, purpose, subject, text)
            if hmac.compare_digest(mark, given):
                return text.decode("ascii")
        return None

    def mark(self, purpose: str, text: str) -> bytes:
        """What tells a text again without telling what it is: 16 bytes, by the first secret."""
        person = purpose.encode("ascii")
        return hashlib.blake2b(
            text.encode(), key=self._keys[0], digest_size=_MARK_BYTES, person=person
        ).digest()

    @staticmethod
    def _mask(key: bytes, purpose: str, subject: UUID, text: bytes) -> tuple[bytes, bytes]:
        """What hides a text of this subject, and the mark that tells the right secret."""
        person = purpose.encode("ascii")
        mask = hashlib.blake2b(subject.bytes, key=key, person=person).digest()
        mark = hashlib.blake2b(
            subject.bytes + text, key=key, digest_size=_BYTES, person=person, salt=b"mark"
        )
        return mask, mark.digest()


def is_same_secret(given: str, expected: str) -> bool:
    """Compare a machine's bearer secret in constant time; an empty one never matches."""
    if not expected:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
