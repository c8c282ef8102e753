"""How a bank and we prove to each other what we say: the profiles of a contract. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from surehold.payments.providers import signatures, sorted_fields
from surehold.payments.providers.account import WebhookSecret
from surehold.payments.providers.bank.terms import Terms
from surehold.payments.providers.failures import (
    WebhookRefused,
)
from surehold.payments.providers.port import (
    Rehearsal,
)

_JSON: Final = {"content-type": "application/json"}
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,11}")
_MARKS: Final = re.compile(r"v1=[0-9a-f]{64}(?:,v1=[0-9a-f]{64})*")
#: Profiles whose proof covers sorted fields; the others cover bytes, or nothing.
_OF_FIELDS: Final = frozenset(
    {"hmac_sha256_sorted_kv", "sha256_sorted_kv_with_key", "rsa_pss_sha256_sorted_kv"}
)


def sign_request(
    secret: str, *, at: int, nonce: str, method: str, target: bytes, body: bytes
) -> str:
    """The signature of a call: over time, number, method, path with query, and the raw body."""
    head = f"{at}.{nonce}.{method}.".encode() + target + b"."
    return hmac.new(secret.encode(), head + body, "sha256").hexdigest()


def prove(
    terms: Terms,
    secrets: Sequence[WebhookSecret],
    raw_body: bytes,
    headers: Mapping[str, str],
    *,
    key_id: str,
    received_at: int,
) -> dict[str, str]:
    """The fields of a callback, once its proof holds; no field of an unproven one is returned.

    Raises:
        WebhookRefused: It does not, or the body is no object.
    """
    profile = terms.callback.profile
    if profile == "hmac_sha256_ts_raw":
        _prove_timed(terms, secrets, raw_body, headers, key_id=key_id, received_at=received_at)
    elif profile not in _OF_FIELDS:
        mark = signatures.get_header(headers, terms.headers.signature)
        if not _is_any(mark, _marks_of_bytes(terms, secrets, raw_body)):
            raise WebhookRefused("signature does not match")
    try:
        if profile not in _OF_FIELDS:
            return sorted_fields.read_loosely(raw_body)
        told = sorted_fields.read(raw_body)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused("malformed event") from error
    name = terms.callback.signature_field
    mark = told.pop(name, "") if name else signatures.get_header(headers, terms.headers.signature)
    if not _is_proven(terms, secrets, told, mark):
        raise WebhookRefused("signature does not match")
    return told


def sign_callback(
    terms: Terms, secret: WebhookSecret, told: Mapping[str, str], *, key_id: str, at: int
) -> Rehearsal | None:
    """A callback as the bank would send it; ``None`` where the bank has the only key."""
    profile, names = terms.callback.profile, terms.headers
    key, fields, headers = secret.value.get_secret_value(), dict(told), _JSON
    if profile == "rsa_pss_sha256_sorted_kv":
        return None
    if profile in _OF_FIELDS:
        mark = mark_of_fields(terms, told, key)
        if terms.callback.signature_field:
            fields[terms.callback.signature_field] = mark
        else:
            headers = headers | {names.signature: mark}
        return Rehearsal(secret.id, msgspec.json.encode(fields), headers)
    body = msgspec.json.encode(fields)
    if profile == "hmac_sha256_ts_raw":
        event_id = told[terms.theirs("event_id")]
        digest = hmac.new(key.encode(), f"{at}.{event_id}.".encode() + body, "sha256")
        mark = f"v1={digest.hexdigest()}"
        headers = headers | {
            names.key_id: key_id,
            names.timestamp: str(at),
            names.event_id: event_id,
        }
    else:
        mark = next(_marks_of_bytes(terms, (secret,), body))
    return Rehearsal(secret.id, body, headers | {names.signature: mark})


def _prove_timed(
    terms: Terms,
    secrets: Sequence[WebhookSecret],
    raw_body: bytes,
    headers: Mapping[str, str],
    *,
    key_id: str,
    received_at: int,
) -> None:
    """Key id, time, then the marks of time, event id and body."""
    names = terms.headers
    if signatures.get_header(headers, names.key_id) != key_id:
        raise WebhookRefused("not a key of ours")
    at = signatures.get_header(headers, names.timestamp)
    event_id = signatures.get_header(headers, names.event_id)
    given = signatures.get_header(headers, names.signature)
    if _SECONDS.fullmatch(at) is None or _MARKS.fullmatch(given) is None:
        raise WebhookRefused("signature malformed")
    if abs(received_at - int(at)) > signatures.TOLERANCE_SECONDS:
        raise WebhookRefused("timestamp outside the tolerance")
    marks = given.replace("v1=", "").split(",")
    if len(marks) > signatures.MAX_MARKS:
        raise WebhookRefused("signature malformed")
    signed = f"{at}.{event_id}.".encode("latin-1", "replace") + raw_body
    if not signatures.is_signed(secrets, signed, marks, digest="sha256"):
        raise WebhookRefused("signature does not match")
    try:
        told = sorted_fields.read_loosely(raw_body).get(terms.theirs("event_id"))
    except (ValueError, RecursionError) as error:
        raise WebhookRefused("malformed event") from error
    if told != event_id:
        raise WebhookRefused("the event has two ids")


def _marks_of_bytes(
    terms: Terms, secrets: Sequence[WebhookSecret], raw_body: bytes
) -> Iterator[str]:
    """What the header must be, by each secret."""
    for secret in secrets:
        key = secret.value.get_secret_value()
        if terms.callback.profile == "static_secret":
            yield key
            continue
        name = "sha512" if terms.callback.profile == "hmac_sha512_raw" else "sha256"
        yield _written(terms, hmac.new(key.encode(), raw_body, name).digest())


def _is_proven(
    terms: Terms, secrets: Sequence[WebhookSecret], told: Mapping[str, str], mark: str
) -> bool:
    keys = [secret.value.get_secret_value() for secret in secrets]
    match terms.callback.profile:
        case "rsa_pss_sha256_sorted_kv":
            theirs = [sorted_fields.read_public_key(key) for key in keys]
            return sorted_fields.is_signed(theirs, sorted_fields.join(told), mark)
        case _:
            return _is_any(mark, (mark_of_fields(terms, told, key) for key in keys))


def mark_of_fields(terms: Terms, told: Mapping[str, str], key: str) -> str:
    """What proves sorted fields by a secret that both sides have.

    Raises:
        WebhookRefused: A message has a field in the secret's place.
    """
    if terms.callback.profile == "sha256_sorted_kv_with_key":
        return mark_with_key(terms, told, key)
    text = sorted_fields.join(told).encode()
    return _written(terms, hmac.new(key.encode(), text, "sha256").digest())


def mark_with_key(terms: Terms, told: Mapping[str, str], key: str) -> str:
    """The plain SHA-256 of the sorted fields, the secret among them.

    Raises:
        WebhookRefused: A message has a field in the secret's place.
    """
    if terms.callback.key_field in told:
        raise WebhookRefused("malformed event")
    text = sorted_fields.join({**told, terms.callback.key_field: key})
    return _written(terms, hashlib.sha256(text.encode()).digest())


def _written(terms: Terms, digest: bytes) -> str:
    return (
        base64.b64encode(digest).decode() if terms.callback.encoding == "base64" else digest.hex()
    )


def _is_any(mark: str, expected: Iterator[str]) -> bool:
    given, is_proven = mark.encode("utf-8", "replace"), False
    for one in expected:
        # Every one is compared, so that time tells nothing about which one matched.
        is_proven |= hmac.compare_digest(one.encode(), given)
    return is_proven
