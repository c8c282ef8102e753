"""Decisions: what an address is, which passwords are taken, how attempts are limited. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec
from email_validator import EmailNotValidError, validate_email

from surehold.identity.model import AccountKind, SessionKind
from surehold.kernel.errors import Fault

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 200
#: A part of the address this long may not be the better part of a password.
_TELLING_MIN: Final = 4
#: What is tried first everywhere, and long enough for us. Digits and signs at the end add nothing.
_COMMON: Final = frozenset(
    """
    password passwort motdepasse contrasena letmein letmeinplease welcome welcomeback qwerty
    qwertyuiop qwertyuiopasdf azertyuiop qwertzuiop asdfghjkl asdfghjkl zxcvbnm iloveyou
    administrator admin adminadmin changeme changemenow trustno football baseball basketball
    superman spiderman sunshine princess dragon master monkey starwars michelle jennifer
    mypassword newpassword passwordpassword secretsecret topsecret letmeinnow default guest
    iloveyouforever correcthorsebatterystaple opensesame unknown abcdefghij abcdefghijkl
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_TAIL: Final = "0123456789!@#$%^&*().,-_?+= "
_DIGITS: Final = "01234567890123456789"

#: How long a session lives when nobody uses it: whoever works here signs in each day.
IDLE_CUSTOMER: Final = timedelta(days=30)
IDLE_STAFF: Final = timedelta(hours=12)
#: A signed token is believed for so long at most; its session is looked at all the same.
ACCESS_TOKEN_SECONDS: Final = 600

#: How long the link of a letter opens anything.
CONFIRM_FOR: Final = timedelta(hours=24)
RESET_FOR: Final = timedelta(minutes=30)
MAGIC_LINK_FOR: Final = timedelta(minutes=15)
#: So many letters about one address in an hour; whoever asks for more is told the same.
LETTERS_PER_HOUR: Final = 5

MAX_API_KEYS: Final = 50
MAX_ADDRESSES: Final = 50
MAX_SESSIONS: Final = 100
MAX_DEVICES: Final = 50


class Mailbox(msgspec.Struct, frozen=True):
    """An e-mail address: as it is written to, and in the one spelling that tells it apart."""

    email: str
    key: str


class Limit(msgspec.Struct, frozen=True):
    """How many attempts are free; each further one waits twice as long as the last."""

    name: str
    free: int


#: Counted together, the narrowest first. The wide ones never hold up a known device.
BY_PAIR: Final = Limit("pair", 5)
BY_DEVICE: Final = Limit("device", 5)
BY_ADDRESS: Final = Limit("address", 30)
BY_ACCOUNT: Final = Limit("account", 50)
LETTERS_BY_ADDRESS: Final = Limit("letters", 20)
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(minutes=15)
#: Attempts are forgotten when none came for so long.
FORGOTTEN_AFTER: Final = timedelta(hours=1)


def read_mailbox(text: str) -> Mailbox:
    """An address, and the spelling by which accounts are found.

    >>> read_mailbox("Bjørn@XN--EXMPLE-CUA.de") == read_mailbox("Bjørn@exämple.de")
    True
    >>> read_mailbox("Mara.Quinn@Example.COM").key
    'mara.quinn@example.com'

    Raises:
        ValueError: No such address can exist.
    """
    try:
        found = validate_email(
            text, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    local = unicodedata.normalize("NFC", found.local_part).casefold()
    return Mailbox(found.normalized, f"{local}@{(found.ascii_domain or found.domain).lower()}")


def password_faults(password: str, *, key: str, at: str) -> Iterator[Fault]:
    """What is wrong with a new password of the account with this spelling of its address.

    Length is what counts: any signs are taken, none are asked for.

    Source: NIST SP 800-63B-4, 3.1.1.2 (length, a list of common ones, nothing about the user).
    """
    if len(password) < PASSWORD_MIN:
        yield Fault(at, "password_too_short", f"At least {PASSWORD_MIN} characters.")
        return
    if len(password) > PASSWORD_MAX:
        yield Fault(at, "password_too_long", f"At most {PASSWORD_MAX} characters.")
        return
    folded = password.casefold()
    if _is_common(folded):
        yield Fault(at, "password_too_common", "Too many people use this one; guessers know it.")
    local = key.partition("@")[0]
    is_telling = len(local) >= _TELLING_MIN and local in folded and len(folded) < 2 * len(local)
    if folded.strip(_TAIL) == key or key in folded or is_telling:
        yield Fault(at, "password_is_email", "Do not make it of the e-mail address.")


def _is_common(folded: str) -> bool:
    return (
        folded.strip(_TAIL) in _COMMON
        or len(set(folded)) < 4
        or folded in _DIGITS
        or folded in _DIGITS[::-1]
    )


def idle_time(kind: AccountKind) -> timedelta:
    """After how much silence a session of such an account is over."""
    return IDLE_CUSTOMER if kind is AccountKind.CUSTOMER else IDLE_STAFF


def refusal_delay(attempts: int, limit: Limit) -> timedelta:
    """How long the next attempt has to wait after so many, this one included.

    >>> [refusal_delay(count, BY_PAIR).seconds for count in (4, 5, 6, 7, 20)]
    [0, 5, 10, 20, 900]
    """
    if attempts < limit.free:
        return timedelta(0)
    doubled = FIRST_DELAY * (1 << min(attempts - limit.free, 20))
    return min(doubled, LONGEST_DELAY)


def session_kind(*, is_browser: bool) -> SessionKind:
    """What will show the session."""
    return SessionKind.BROWSER if is_browser else SessionKind.API
