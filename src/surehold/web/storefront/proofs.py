"""Keyed hashes for what the store hands to browsers and gets back: form tokens and notices."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

_BYTES: Final = 18


class Signer:
    """Signs small texts for one purpose each. The first secret signs, all verify."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        if not keys or not all(keys):
            raise ValueError("the store needs at least one secret, and no empty one")
        self._keys = tuple(key.encode() for key in keys)

    def sign(self, purpose: str, text: str) -> str:
        """The proof of a text: 24 letters, safe in a cookie and in a form."""
        return _sign(self._keys[0], purpose, text)

    def is_valid(self, purpose: str, text: str, proof: str) -> bool:
        """Whether the proof is ours and of this purpose; compared in constant time."""
        given = proof.encode("utf-8", "replace")
        results = [
            hmac.compare_digest(_sign(key, purpose, text).encode(), given) for key in self._keys
        ]
        return any(results)


def new_secret() -> str:
    """A random text that nobody guesses, for a cookie."""
    return secrets.token_urlsafe(_BYTES)


def _sign(key: bytes, purpose: str, text: str) -> str:
    # The purpose is ours and has no NUL, so that no two pairs give the same bytes.
    message = f"store:{purpose}\0{text}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)[:_BYTES]).decode()
