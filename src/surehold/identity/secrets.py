"""Secrets that are shown once and kept as hashes: tokens, API keys, recovery codes.

All are long and random, so a plain SHA-256 is a safe copy: nothing can be guessed from it.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from typing import Final

import msgspec

#: No letter that is mistaken for a digit when it is copied by hand.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEY_MARK: Final = "shk_"
_KEY_LETTERS: Final = 40
_CHECK_LETTERS: Final = 6
_PREFIX: Final = len(KEY_MARK) + 8
RECOVERY_CODES: Final = 10
_CODE_LETTERS: Final = 16
_CODE_GROUP: Final = 4


class NewKey(msgspec.Struct, frozen=True):
    """A new API key: the key itself, and what is kept of it."""

    key: str
    prefix: str
    key_hash: bytes


def new_token() -> str:
    """A token that nobody guesses: 256 random bits, safe in an address."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def hash_parts(*parts: str) -> bytes:
    """A name for what several texts have in common, from which none of them can be read easily."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()


def new_api_key() -> NewKey:
    """A key that scanners for leaked secrets recognize: a mark, 238 random bits, a checksum."""
    body = "".join(secrets.choice(_LETTERS) for _ in range(_KEY_LETTERS))
    key = f"{KEY_MARK}{body}{_checksum(body)}"
    return NewKey(key, key[:_PREFIX], hash_token(key))


def is_api_key(text: str) -> bool:
    """Whether a text may be one of our keys: a typing error is refused without asking anybody."""
    body = text.removeprefix(KEY_MARK)
    return (
        text.startswith(KEY_MARK)
        and len(body) == _KEY_LETTERS + _CHECK_LETTERS
        and _checksum(body[:_KEY_LETTERS]) == body[_KEY_LETTERS:]
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("utf-8", "replace"))
    letters = ""
    for _ in range(_CHECK_LETTERS):
        number, digit = divmod(number, len(_LETTERS))
        letters += _LETTERS[digit]
    return letters


def new_recovery_code() -> str:
    """A code for when the telephone is gone: 80 random bits, in groups that can be read out."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS))
    return "-".join(
        letters[start : start + _CODE_GROUP] for start in range(0, _CODE_LETTERS, _CODE_GROUP)
    )


def hash_recovery_code(text: str) -> bytes | None:
    """What is kept of a code, however it was typed; ``None`` when it cannot be one.

    >>> hash_recovery_code("abcd-efgh-jkmn-pq01") == hash_recovery_code("ABCD EFGH JKMN PQO1")
    True
    """
    letters = text.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    letters = "".join(letter for letter in letters if letter not in "- ")
    if len(letters) != _CODE_LETTERS or not set(letters) <= set(_ALPHABET):
        return None
    return hash_parts("recovery code", letters)
