"""Codes of an authenticator: what one is for a secret at an instant, and its picture. Pure.

Source: RFC 6238, SHA-1, six digits, steps of 30 seconds: what every authenticator can do.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_SECONDS: Final = 30
#: A clock may be one step off, either way.
_DRIFT: Final = (0, -1, 1)
_DIGITS: Final = 6


def new_secret() -> str:
    """160 random bits as an authenticator takes them."""
    return pyotp.random_base32()


def find_step(secret: str, code: str, now: datetime) -> int | None:
    """The step that a code is of, near an instant, or ``None``; compared in constant time."""
    digits = "".join(code.split())
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    device = pyotp.TOTP(secret)
    found = None
    for drift in _DRIFT:
        if hmac.compare_digest(device.generate_otp(current + drift), digits):
            found = current + drift
    return found


def uri_of(secret: str, *, email: str, store_name: str) -> str:
    """What an authenticator reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=store_name)


def picture_of(uri: str) -> str:
    """The QR code as an SVG element."""
    return str(segno.make(uri, error="m", micro=False).svg_inline(scale=4, border=4))
