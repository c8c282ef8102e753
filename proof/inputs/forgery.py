"""Forging webhooks: a genuine one, and everything that can be done to it.

A message counts as forged when its body or its proof differs from the genuine one's. Some changes
come out as no change (a letter of a header's name in another case; a key with a zero byte behind
it, which is the same key to an HMAC): ``is_same`` tells them apart, because a harness that counts
what changes nothing proves nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from proof.inputs.schemes import RETIRED, SCHEMES, SECRETS, Scheme

TOLERANCE_SECONDS: Final = 300

Headers = tuple[tuple[str, str], ...]


class Genuine(msgspec.Struct, frozen=True):
    """A message as the provider sends it."""

    raw: bytes
    at: int
    proof: str
    secret: str
    scheme: Scheme


class Forged(msgspec.Struct, frozen=True):
    """What arrives: the bytes of the body, and headers in order, repeated ones too."""

    raw: bytes
    headers: Headers


Forge = Callable[[random.Random, Genuine], Forged]


def a_genuine(
    rng: random.Random, scheme: Scheme, *, at: int, secret: str | None = None
) -> Genuine:
    """A new event about a payment that nobody knows, signed as its provider does."""
    raw = scheme.encode(scheme.an_event(rng, at=at))
    secret = secret or rng.choice(SECRETS)
    return Genuine(raw, at, scheme.sign(raw, secret=secret, at=at), secret, scheme)


def is_same(forged: Forged, genuine: Genuine) -> bool:
    """Whether body and proof are the genuine ones after all, as HTTP reads headers."""
    header = genuine.scheme.header.lower()
    proofs = [value.strip(" \t") for name, value in forged.headers if name.lower() == header]
    return proofs == [genuine.proof] and genuine.scheme.is_same_body(forged.raw, genuine.raw)


def _with(genuine: Genuine, raw: bytes) -> Forged:
    return Forged(raw, ((genuine.scheme.header, genuine.proof),))


def _proved(genuine: Genuine, *proofs: str) -> Forged:
    return Forged(genuine.raw, tuple((genuine.scheme.header, proof) for proof in proofs))


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
    key, value = rng.choice(genuine.scheme.doubles)
    pair = b'"' + key + b'":' + value
    raw = genuine.raw
    is_first = rng.random() < 0.5
    return _with(
        genuine, b"{" + pair + b"," + raw[1:] if is_first else raw[:-1] + b"," + pair + b"}"
    )


def replay_as_new(rng: random.Random, genuine: Genuine) -> Forged:
    """The body again, as another event or about another payment."""
    event = json.loads(genuine.raw)
    genuine.scheme.renew(rng, event)
    return _with(genuine, genuine.scheme.encode(event))


def proof_of_another(rng: random.Random, genuine: Genuine) -> Forged:
    """A genuine proof, of another genuine event."""
    return _proved(genuine, a_genuine(rng, genuine.scheme, at=genuine.at).proof)


# --- the proof -----------------------------------------------------------------------------------


def flip_proof(rng: random.Random, genuine: Genuine) -> Forged:
    """One bit of the header's value."""
    raw = bytearray(genuine.proof.encode())
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return _proved(genuine, raw.decode("latin-1"))


def flip_name(rng: random.Random, genuine: Genuine) -> Forged:
    """One bit of the header's name; in one case of eight it is only written otherwise."""
    raw = bytearray(genuine.scheme.header.encode())
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
    return _proved(genuine, genuine.scheme.sign(genuine.raw, secret=rng.choice(SECRETS), at=at))


def moved_time(rng: random.Random, genuine: Genuine) -> Forged:
    """A time that the signature is not over."""
    step = rng.choice((-2, -1, 1, 2, 60, 299))
    return _proved(genuine, f"t={genuine.at + step},{genuine.proof.partition(',')[2]}")


def another_secret(rng: random.Random, genuine: Genuine) -> Forged:
    """Signed with what is no secret, or no longer."""
    live = genuine.secret
    wrong = rng.choice(
        (RETIRED, "", " ", live + " ", live[:-1], live.upper(), live + "\0", "null", "sk_test")
    )
    return _proved(genuine, genuine.scheme.sign(genuine.raw, secret=wrong, at=genuine.at))


def another_scheme(rng: random.Random, genuine: Genuine) -> Forged:
    """Right secret and body, but not the scheme that was agreed upon."""
    secret = rng.choice(SECRETS)
    made = genuine.scheme.other_schemes(genuine.raw, secret=secret, at=genuine.at)
    return _proved(genuine, rng.choice(made))


def odd_header(rng: random.Random, genuine: Genuine) -> Forged:
    """The right values in a form that is not the agreed one."""
    return _proved(genuine, rng.choice(genuine.scheme.odd_forms(genuine.proof)))


def other_headers(rng: random.Random, genuine: Genuine) -> Forged:
    """No proof under its name, or more than one, in any order."""
    proof, header = genuine.proof, genuine.scheme.header
    wrong = genuine.scheme.wrong(proof)
    names = (f"X-{header}", header.replace("-", "_"), f"{header}-", "Signature", "Other-Signature")
    choices: tuple[Headers, ...] = (
        (),
        *(((name, proof),) for name in names),
        (("Cookie", f"{header}={proof}"),),
        # Of two providers' headers each proves its own provider's messages alone.
        tuple((name, proof) for name in _HEADERS if name.lower() != header.lower()),
        ((header, proof), (header, proof)),
        ((header, wrong), (header, proof)),
        ((header, proof), (header, wrong)),
        ((header, ""), (header, proof)),
        ((header, proof), (header, "")),
        ((header, proof), (header.lower(), wrong)),
        ((header.upper(), wrong), (header.lower(), proof)),
    )
    return Forged(genuine.raw, rng.choice(choices))


_HEADERS: Final = (*(scheme.header for scheme in SCHEMES), "chapa-signature")


# --- rightly signed, and still not to be taken ---------------------------------------------------


def another_mode(rng: random.Random, genuine: Genuine) -> Forged:
    """An event of the live account, or of one that does not say, signed with our secret."""
    event = genuine.scheme.an_event(rng, at=genuine.at)
    event[genuine.scheme.mode_field] = rng.choice(genuine.scheme.modes)
    return _signed(rng, event, genuine)


def signed_nonsense(rng: random.Random, genuine: Genuine) -> Forged:
    """Proven, but no event."""
    event = genuine.scheme.an_event(rng, at=genuine.at)
    return _signed(rng, genuine.scheme.spoil(rng, event), genuine)


def _signed(rng: random.Random, event: Any, genuine: Genuine) -> Forged:
    raw = json.dumps(event).encode()
    proof = genuine.scheme.sign(raw, secret=rng.choice(SECRETS), at=genuine.at)
    return Forged(raw, ((genuine.scheme.header, proof),))


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

#: What there is to forge only where a time is signed.
OF_TIME: Final = frozenset({another_time, moved_time})
#: And only where the proof is of the body: with a word for proof, any body is a hint to read.
OF_BODY: Final = frozenset(
    {
        flip_body,
        cut_body,
        extend_body,
        rewrite_body,
        double_key,
        replay_as_new,
        proof_of_another,
    }
)


def forgeries_of(scheme: Scheme) -> tuple[Forge, ...]:
    """Every way to forge this provider's messages."""
    absent = set() if scheme.is_timed else set(OF_TIME)
    if not scheme.modes:
        absent.add(another_mode)  # its events do not say
    if not scheme.proves_body:
        absent |= OF_BODY
    return tuple(forge for forge in FORGERIES if forge not in absent)
