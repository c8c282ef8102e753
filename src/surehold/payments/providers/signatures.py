"""Proof of webhooks: one header, marks over the raw bytes, every live secret compared.

Shared by the adapters, which differ in what is signed and how the header is written.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from surehold.payments.providers.account import WebhookSecret
from surehold.payments.providers.failures import (
    WebhookRefused,
)
from surehold.payments.providers.port import (
    Rehearsal,
)

#: More marks than this in one header are nobody's rotation.
MAX_MARKS: Final = 5
#: Bytes of one message. The route takes no more either.
MAX_BYTES: Final = 262_144
TOLERANCE_SECONDS: Final = 300

# The one grammar that is accepted: lower-case hex, one t in front, no spaces. ``[0-9]``, because
# ``\d`` would take digits of every script.
_TIMED: Final = re.compile(r"t=([1-9][0-9]{0,11})((?:,v[01]=[0-9a-f]{64})+)")
_LONGEST_TOLD: Final = 255


def get_header(headers: Mapping[str, str], name: str) -> str:
    """The one value of a header.

    Raises:
        WebhookRefused: It is missing, or came more than once.
    """
    # items() of a multi-mapping shows a repeated header twice, in whatever case it came.
    given = [value for key, value in headers.items() if key.lower() == name]
    if len(given) != 1:
        raise WebhookRefused("signature missing" if not given else "signature repeated")
    return given[0]


def read_timed(value: str, *, received_at: int, has_v0: bool = False) -> tuple[str, list[str]]:
    """The signed time and the marks of ``t=…,v1=…[,v1=…]``.

    ``has_v0``: the provider may add marks of a scheme that proves nothing; they are passed over.

    Raises:
        WebhookRefused: Another grammar, or a time outside the tolerance, past or future.
    """
    found = _TIMED.fullmatch(value)
    if found is None:
        raise WebhookRefused("signature malformed")
    if abs(received_at - int(found[1])) > TOLERANCE_SECONDS:
        raise WebhookRefused("timestamp outside the tolerance")
    parts = found[2].split(",")[1:]
    marks = [part.removeprefix("v1=") for part in parts if part.startswith("v1=")]
    if not marks or len(parts) > MAX_MARKS or (len(marks) < len(parts) and not has_v0):
        raise WebhookRefused("signature malformed")
    return found[1], marks


def is_signed(
    secrets: Iterable[WebhookSecret], signed: bytes, marks: Iterable[str], *, digest: str
) -> bool:
    """Whether one of the marks is the HMAC, in hex, of the signed bytes under a live secret."""
    given = [mark.encode("latin-1", "replace") for mark in marks]
    is_proven = False
    for secret in secrets:
        expected = hmac.new(secret.value.get_secret_value().encode(), signed, digest)
        for mark in given:
            # Every pair is compared, so that time tells nothing about which one matched.
            is_proven |= hmac.compare_digest(expected.hexdigest().encode(), mark)
    return is_proven


def rehearse(
    secrets: Iterable[WebhookSecret],
    told: object,
    prove: Callable[[bytes, bytes], Mapping[str, str]],
) -> tuple[Rehearsal, ...]:
    """One event by each secret; ``prove`` writes the headers for a key and a body."""
    body = msgspec.json.encode(told)
    return tuple(
        Rehearsal(
            secret.id,
            body,
            {
                "content-type": "application/json",
                **prove(secret.value.get_secret_value().encode(), body),
            },
        )
        for secret in secrets
    )


def by_mark(header: str, *, digest: str) -> Callable[[bytes, bytes], Mapping[str, str]]:
    """Prove a body by its HMAC in hex."""
    return lambda key, body: {header: hmac.new(key, body, digest).hexdigest()}


def by_timed_mark(header: str, *, at: int) -> Callable[[bytes, bytes], Mapping[str, str]]:
    """Prove a time and a body by ``t=…,v1=…``."""

    def prove(key: bytes, body: bytes) -> Mapping[str, str]:
        mark = hmac.new(key, f"{at}.".encode() + body, "sha256").hexdigest()
        return {header: f"t={at},v1={mark}"}

    return prove


def check_told(*words: str | None) -> None:
    """Ids of an event that will be stored and shown.

    Raises:
        WebhookRefused: One that no provider would send.
    """
    for word in words:
        if word is not None and not (word.isprintable() and 0 < len(word) <= _LONGEST_TOLD):
            raise WebhookRefused("event with an unusable id")
