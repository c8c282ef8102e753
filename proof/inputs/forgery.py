"""Forging webhooks: a genuine one, and everything that can be done to it.

A message counts as forged when its body or its proof differs from the genuine one's. Some changes
come out as no change (a letter of a header's name in another case; a key with a zero byte behind
it, which is the same key to an HMAC): ``is_same`` tells them apart, because a harness that counts
what changes nothing proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from surehold.sandbox.webhooks import sign

HEADER: Final = "Sandbox-Signature"
#: Two are in use, as while a secret is being changed; the third was in use before.
SECRETS: Final = ("whsec_new_2c91", "whsec_now_77ab")
RETIRED: Final = "whsec_old_0e4d"
TOLERANCE_SECONDS: Final = 300

Headers = tuple[tuple[str, str], ...]


class Genuine(msgspec.Struct, frozen=True):
    """A message as the provider sends it."""

    raw: bytes
    at: int
    proof: str
    secret: str


class Forged(msgspec.Struct, frozen=True):
    """What arrives: the bytes of the body, and headers in order, repeated ones too."""

    raw: bytes
    headers: Headers


Forge = Callable[[random.Random, Genuine], Forged]


def a_genuine(rng: random.Random, *, at: int, secret: str | None = None) -> Genuine:
    """A new event about a payment that nobody knows, signed as the sandbox does."""
    raw = json.dumps(an_event(rng, at=at), separators=(",", ":"), ensure_ascii=False).encode()
    secret = secret or rng.choice(SECRETS)
    return Genuine(raw, at, sign(raw, secrets=(secret,), at=at), secret)


def an_event(rng: random.Random, *, at: int, **changes: Any) -> dict[str, Any]:
    """The event itself."""
    return {
        "id": f"evt_{rng.getrandbits(80):020x}",
        "type": rng.choice(("payment.captured", "payment.failed", "refund.succeeded")),
        "created": at,
        "livemode": False,
        "data": {
            "object": {
                "id": f"pay_{rng.getrandbits(80):020x}",
                "merchant_reference": f"ref-{UUID(int=rng.getrandbits(128))}",
                "state": "captured",
                "currency": "EUR",
                "note": "größer als „zehn“ \u2615",
            }
        },
        **changes,
    }


def is_same(forged: Forged, genuine: Genuine) -> bool:
    """Whether body and proof are the genuine ones after all, as HTTP reads headers."""
    proofs = [
        value.strip(" \t") for name, value in forged.headers if name.lower() == HEADER.lower()
    ]
    return forged.raw == genuine.raw and proofs == [genuine.proof]


def _with(genuine: Genuine, raw: bytes) -> Forged:
    return Forged(raw, ((HEADER, genuine.proof),))


def _proved(genuine: Genuine, *proofs: str) -> Forged:
    return Forged(genuine.raw, tuple((HEADER, proof) for proof in proofs))


def _mark(genuine: Genuine) -> str:
    return genuine.proof.partition(",v1=")[2]


# --- the body ------------------------------------------------------------------------------------


def flip_body(rng: random.Random, genuine: Genuine) -> Forged:
    """One bit."""
    raw = bytearray(genuine.raw)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return _with(genuine, bytes(raw))


def cut_body(rng: random.Random, genuine: Genuine) -> Forged:
    """Its end or its beginning is missing."""
    place = rng.randrange(len(genuine.raw))
    return _with(genuine, genuine.raw[:place] if rng.random() < 0.7 else genuine.raw[place + 1 :])


def extend_body(rng: random.Random, genuine: Genuine) -> Forged:
    """Something more, where JSON would not mind."""
    more = rng.choice((b"\n", b" ", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\t", b"{}"))
    raw = genuine.raw
    return _with(genuine, raw + more if rng.random() < 0.5 else more + raw)


def rewrite_body(rng: random.Random, genuine: Genuine) -> Forged:
    """The same event in other words: spaces, order, escapes, numbers, encodings."""
    event = json.loads(genuine.raw)
    match rng.randrange(8):
        case 0:
            raw = json.dumps(event, indent=rng.randrange(1, 5), ensure_ascii=False).encode()
        case 1:
            raw = json.dumps(event, sort_keys=True, separators=(",", ":")).encode()
        case 2:
            turned = dict(reversed(event.items()))
            raw = json.dumps(turned, separators=(",", ":"), ensure_ascii=False).encode()
        case 3:
            raw = json.dumps(event, separators=(",", ":")).encode()  # escapes
        case 4:
            letter = rng.choice("abcdeilmnoprtuvy")
            raw = genuine.raw.replace(letter.encode(), b"\\u%04x" % ord(letter), 1)
        case 5:
            raw = genuine.raw.replace(b'"created":', b'"created":0', 1)
        case 6:
            raw = genuine.raw.decode().encode(rng.choice(("utf-16", "utf-16-le", "utf-32")))
        case _:
            raw = json.dumps(event, separators=(", ", ": "), ensure_ascii=False).encode()
    return _with(genuine, raw)


def double_key(rng: random.Random, genuine: Genuine) -> Forged:
    """A key twice, of which readers take the first or the last."""
    key, value = rng.choice(
        ((b"id", b'"evt_other"'), (b"livemode", b"true"), (b"type", b'"payment.captured"'))
    )
    pair = b'"' + key + b'":' + value
    raw = genuine.raw
    is_first = rng.random() < 0.5
    return _with(
        genuine, b"{" + pair + b"," + raw[1:] if is_first else raw[:-1] + b"," + pair + b"}"
    )


def replay_as_new(rng: random.Random, genuine: Genuine) -> Forged:
    """The body again, as another event or about another payment."""
    event = json.loads(genuine.raw)
    if rng.random() < 0.5:
        event["id"] = f"evt_{rng.getrandbits(80):020x}"
    else:
        event["data"]["object"]["id"] = f"pay_{rng.getrandbits(80):020x}"
    raw = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    return _with(genuine, raw)


def proof_of_another(rng: random.Random, genuine: Genuine) -> Forged:
    """A genuine proof, of another genuine event."""
    return _proved(genuine, a_genuine(rng, at=genuine.at).proof)


# --- the proof -----------------------------------------------------------------------------------


def flip_proof(rng: random.Random, genuine: Genuine) -> Forged:
    """One bit of the header's value."""
    raw = bytearray(genuine.proof.encode())
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return _proved(genuine, raw.decode("latin-1"))


def flip_name(rng: random.Random, genuine: Genuine) -> Forged:
    """One bit of the header's name; in one case of eight it is only written otherwise."""
    raw = bytearray(HEADER.encode())
    raw[rng.randrange(len(raw))] ^= 1 << rng.choice((0, 1, 2, 3, 4, 5, 5))
    return Forged(genuine.raw, ((raw.decode("latin-1"), genuine.proof),))


def cut_proof(rng: random.Random, genuine: Genuine) -> Forged:
    """The end of the value is missing, or its beginning."""
    place = rng.randrange(len(genuine.proof))
    is_end = rng.random() < 0.7
    return _proved(genuine, genuine.proof[:place] if is_end else genuine.proof[place + 1 :])


def another_time(rng: random.Random, genuine: Genuine) -> Forged:
    """Rightly signed, but long ago or not yet."""
    beyond = TOLERANCE_SECONDS + 1 + int(10 ** rng.uniform(0, 9))
    at = max(1, genuine.at + (beyond if rng.random() < 0.5 else -beyond))
    return _proved(genuine, sign(genuine.raw, secrets=(rng.choice(SECRETS),), at=at))


def moved_time(rng: random.Random, genuine: Genuine) -> Forged:
    """A time that the signature is not over."""
    step = rng.choice((-2, -1, 1, 2, 60, 299))
    return _proved(genuine, f"t={genuine.at + step},v1={_mark(genuine)}")


def another_secret(rng: random.Random, genuine: Genuine) -> Forged:
    """Signed with what is no secret, or no longer."""
    live = genuine.secret
    wrong = rng.choice(
        (RETIRED, "", " ", live + " ", live[:-1], live.upper(), live + "\0", "null", "sk_test")
    )
    return _proved(genuine, sign(genuine.raw, secrets=(wrong,), at=genuine.at))


def another_scheme(rng: random.Random, genuine: Genuine) -> Forged:
    """Right secret and body, but not the scheme that was agreed upon."""
    key, at = rng.choice(SECRETS).encode(), b"%d" % genuine.at
    signed = at + b"." + genuine.raw
    right = hmac.new(key, signed, hashlib.sha256)
    marks = (
        f"v0={right.hexdigest()}",
        f"v2={right.hexdigest()}",
        f"V1={right.hexdigest()}",
        f"v1={right.hexdigest().upper()}",
        f"v1={base64.b64encode(right.digest()).decode()}",
        f"v1={hmac.new(key, signed, hashlib.sha512).hexdigest()}",
        f"v1={hmac.new(key, signed, hashlib.sha1).hexdigest()}",
        f"v1={hmac.new(key, genuine.raw, hashlib.sha256).hexdigest()}",
        f"v1={hmac.new(key, at + genuine.raw, hashlib.sha256).hexdigest()}",
        f"v1={hmac.new(key, genuine.raw + b'.' + at, hashlib.sha256).hexdigest()}",
        f"v1={hmac.new(signed, key, hashlib.sha256).hexdigest()}",
        f"v1={hashlib.sha256(key + signed).hexdigest()}",
        f"v1={hashlib.sha256(signed).hexdigest()}",
        f"v1={'0' * 64}",
        "v1=",
        "v1=true",
    )
    return _proved(genuine, f"t={genuine.at},{rng.choice(marks)}")


def odd_header(rng: random.Random, genuine: Genuine) -> Forged:
    """The right values in a form that is not the agreed one."""
    at, mark = genuine.at, _mark(genuine)
    forms = (
        f"v1={mark},t={at}",
        f"t={at}, v1={mark}",
        f"t={at};v1={mark}",
        f"t={at},v1={mark},",
        f",t={at},v1={mark}",
        f"t={at},t={at},v1={mark}",
        f"t=0{at},v1={mark}",
        f"t=+{at},v1={mark}",
        f"t={at}.0,v1={mark}",
        f"t={at}e0,v1={mark}",
        f"t={at:x},v1={mark}",
        f"t={at},v1={mark}" + f",v1={mark}" * 5,
        f't="{at}",v1="{mark}"',
        f"['t={at},v1={mark}']",
        f'["t={at},v1={mark}"]',
        f"t={at},v1={mark},v0={mark}",
        f"t={at},v1={mark}, t={at},v1={mark}",
        f"t={at}\xa0,v1={mark}",
        f"Bearer t={at},v1={mark}",
        "",
    )
    return _proved(genuine, rng.choice(forms))


def other_headers(rng: random.Random, genuine: Genuine) -> Forged:
    """No proof under its name, or more than one, in any order."""
    proof = genuine.proof
    wrong = f"t={genuine.at},v1={'a' * 64}"
    choices: tuple[Headers, ...] = (
        (),
        (("Stripe-Signature", proof),),
        (("X-Sandbox-Signature", proof),),
        (("Sandbox_Signature", proof),),
        (("Sandbox-Signature-", proof),),
        (("Signature", proof),),
        (("Cookie", f"{HEADER}={proof}"),),
        ((HEADER, proof), (HEADER, proof)),
        ((HEADER, wrong), (HEADER, proof)),
        ((HEADER, proof), (HEADER, wrong)),
        ((HEADER, ""), (HEADER, proof)),
        ((HEADER, proof), (HEADER, "")),
        ((HEADER, proof), (HEADER.lower(), wrong)),
        ((HEADER.upper(), wrong), (HEADER.lower(), proof)),
    )
    return Forged(genuine.raw, rng.choice(choices))


# --- rightly signed, and still not to be taken ---------------------------------------------------


def another_mode(rng: random.Random, genuine: Genuine) -> Forged:
    """An event of the live account, or of one that does not say, signed with our secret."""
    event = an_event(rng, at=genuine.at, livemode=rng.choice((True, 1, "false", None, [])))
    return _signed(rng, event, genuine)


def signed_nonsense(rng: random.Random, genuine: Genuine) -> Forged:
    """Proven, but no event."""
    event: Any = an_event(rng, at=genuine.at)
    match rng.randrange(6):
        case 0:
            event["id"] = rng.choice(("", 7, None, "evt\n1", "evt\0", "e\u202e", [], {"id": 1}))
        case 1:
            event["created"] = rng.choice((10**30, 1.5, "now", None, -(10**18), True))
        case 2:
            event["data"] = rng.choice(({}, None, [], {"object": None}, {"object": {"id": 1}}))
        case 3:
            event = rng.choice((None, [], {}, "evt", 7, [event]))
        case 4:
            del event[rng.choice(tuple(event))]
        case _:
            event["data"]["object"]["merchant_reference"] = rng.choice((None, 7, "a\x7f", []))
    return _signed(rng, event, genuine)


def _signed(rng: random.Random, event: Any, genuine: Genuine) -> Forged:
    raw = json.dumps(event).encode()
    return Forged(raw, ((HEADER, sign(raw, secrets=(rng.choice(SECRETS),), at=genuine.at)),))


FORGERIES: Final[tuple[Forge, ...]] = (
    flip_body,
    cut_body,
    extend_body,
    rewrite_body,
    double_key,
    replay_as_new,
    proof_of_another,
    flip_proof,
    flip_name,
    cut_proof,
    another_time,
    moved_time,
    another_secret,
    another_scheme,
    odd_header,
    other_headers,
    another_mode,
    signed_nonsense,
)
