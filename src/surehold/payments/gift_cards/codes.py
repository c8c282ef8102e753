"""The codes of gift cards: a hundred random bits that people can read to each other. Pure."""

from __future__ import annotations

import hashlib
import secrets
from types import MappingProxyType
from typing import Final

#: Crockford's alphabet: no letter that is mistaken for a digit.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: What people type for a letter that a code never has.
_MISREAD: Final = MappingProxyType(str.maketrans({"O": "0", "I": "1", "L": "1", " ": "", "-": ""}))
LENGTH: Final = 20
LAST: Final = 4


def new_code() -> str:
    """A code that nobody can guess: 20 letters of 5 random bits each.

    The last four are shown to whoever may see the card, so eighty bits are what is secret.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def show(code: str) -> str:
    """A code as it is printed, in groups of four.

    >>> show("7K4M92QX7K4M92QX7K4M")
    '7K4M-92QX-7K4M-92QX-7K4M'
    """
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def find_code(text: str) -> str | None:
    """The code that somebody typed, or ``None`` when it cannot be one.

    >>> find_code("7k4m-92qx-7k4m-92qx-7k4m")
    '7K4M92QX7K4M92QX7K4M'
    >>> find_code("o1lo0000000000000000")
    '01100000000000000000'
    """
    if not text.isascii():
        return None
    code = text.upper().translate(_MISREAD)
    return code if len(code) == LENGTH and set(code) <= set(_ALPHABET) else None


def hash_code(code: str) -> bytes:
    """What is kept of a code. A hundred random bits need no salt and no slow hash."""
    return hashlib.sha256(code.encode("ascii")).digest()
