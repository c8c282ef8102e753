"""Messages that are proven field by field: sorted ``key=value``, joined with ``&``.

The joined text is what is signed, so it must mean one message only: a field that comes twice, a
value that holds an ``&``, anything nested among the signed fields is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SHA256: Final = hashes.SHA256()
_PSS: Final = padding.PSS(mgf=padding.MGF1(_SHA256), salt_length=32)
#: Bits of a key that is still believed.
_BITS_MIN: Final = 2048


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object as it was written: in its order, doubled keys and all."""

    __slots__ = ()


def join(fields: Mapping[str, str], *, without: Collection[str] = ()) -> str:
    """The text that is signed: without empty values, sorted by key, nothing encoded.

    >>> join({"b": "2", "a": "1 &", "c": "", "sign": "x"}, without={"sign"})
    'a=1 &&b=2'
    """
    return "&".join(
        f"{key}={value}" for key, value in sorted(fields.items()) if value and key not in without
    )


def read(raw_body: bytes, *, unsigned: Collection[str] = ()) -> dict[str, str]:
    """The fields of a flat JSON object as texts; numbers as they were written, null as nothing.

    ``unsigned``: fields that may be nested or hold anything, and are not returned.

    Raises:
        ValueError: No such object, or one whose joined text could mean another.
    """
    return {key: _text(key, value) for key, value in _parse(raw_body) if key not in unsigned}


def read_loosely(raw: bytes) -> dict[str, str]:
    """The fields of an object whose proof is another, or the way that it came: texts and numbers.

    What is nested is left out.

    Raises:
        ValueError: No object, or one that has a field twice.
    """
    return {key: value for key, value in _parse(raw) if isinstance(value, str)}


def _parse(raw: bytes) -> _Pairs:
    found = json.loads(
        raw.decode("utf-8"),
        object_pairs_hook=_Pairs,
        parse_float=str,
        parse_int=str,
        parse_constant=_refuse,
    )
    if isinstance(found, _Pairs) and len({key for key, _ in found}) == len(found):
        return found
    raise ValueError("no object, or one that has a field twice")


def _text(key: str, value: Any) -> str:
    text = "" if value is None else value
    if not isinstance(text, str) or "&" in text or "&" in key or "=" in key:
        raise ValueError("a field that cannot be joined")
    text.encode()  # half of a pair of surrogates is no text
    return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no value")


# --- RSA: PSS, SHA-256, 32 bytes of salt ---------------------------------------------------------


def read_private_key(text: str, *, is_checked: bool = False) -> rsa.RSAPrivateKey:
    """A private key in PEM, or in the bare base64 that Ethio telecom hands out.

    ``is_checked``: its numbers were looked at before, with the settings; that takes a while.

    Raises:
        ValueError: It is none, or a short one.
    """
    try:
        if "-----" in text:
            key = serialization.load_pem_private_key(
                _lines(text), password=None, unsafe_skip_rsa_key_validation=is_checked
            )
        else:
            key = serialization.load_der_private_key(
                _der(text), password=None, unsafe_skip_rsa_key_validation=is_checked
            )
    except (ValueError, TypeError) as error:
        raise ValueError("no private key") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _BITS_MIN:
        raise ValueError(f"no RSA key of {_BITS_MIN} bits or more")
    return key


def read_public_key(text: str) -> rsa.RSAPublicKey:
    """A public key in PEM, or in bare base64.

    Raises:
        ValueError: It is none, or a short one.
    """
    try:
        if "-----" in text:
            key = serialization.load_pem_public_key(_lines(text))
        else:
            key = serialization.load_der_public_key(_der(text))
    except (ValueError, TypeError) as error:
        raise ValueError("no public key") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _BITS_MIN:
        raise ValueError(f"no RSA key of {_BITS_MIN} bits or more")
    return key


def sign(key: rsa.RSAPrivateKey, text: str) -> str:
    """The signature in base64; another one each time."""
    return base64.b64encode(key.sign(text.encode(), _PSS, _SHA256)).decode()


def is_signed(keys: Iterable[rsa.RSAPublicKey], text: str, mark: str) -> bool:
    """Whether the mark is a signature of the text under one of the keys."""
    try:
        signature = base64.b64decode(mark.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return False
    # Some letters of the end count for nothing: only one way to write it is taken.
    if base64.b64encode(signature).decode() != mark:
        return False
    return any(_is_signed(key, text, signature) for key in keys)


def _is_signed(key: rsa.RSAPublicKey, text: str, signature: bytes) -> bool:
    try:
        key.verify(signature, text.encode(), _PSS, _SHA256)
    except InvalidSignature:
        return False
    return True


def _lines(text: str) -> bytes:
    r"""A key that came through one line of an environment has ``\n`` in two letters."""
    return text.replace("\\n", "\n").encode()


def _der(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)
