"""Forged webhooks: a million at the verifier, thousands over HTTP, and none may be taken.

``python -m proof.inputs.webhooks --cases 1000000 --http 20000 --seed 7``. Genuine messages go
between the forged ones, so that a verifier that refuses everything fails as well.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console

from proof.inputs.forgery import Forged, Genuine, a_genuine, forgeries_of, is_same
from proof.inputs.place import Stage, a_stage
from proof.inputs.schemes import RETIRED, SCHEMES, SECRETS, Scheme, carry
from proof.inputs.wire import NO_ANSWER, Connection, Request
from proof.report import Finding, show
from surehold.payments.providers.failures import (
    WebhookRefused,
)
from surehold.payments.providers.port import (
    RemoteProvider,
)
from tests.fakes import FAKES

HARNESS: Final = "inputs-webhooks"
#: A genuine message is forged this often before the next one is made.
FROM_ONE: Final = 50
CONNECTIONS: Final = 4
#: Every so many requests over HTTP are genuine.
GENUINE_EVERY: Final = 10
TOLD: Final = 40
NOW: Final = 1_800_000_000
_TOO_LARGE: Final = 256 * 1024 + 1


class Multi(dict[str, str]):
    """Headers of which one name may come twice, as a multi-mapping shows them."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:
        return self._pairs


class Seen:
    """What happened, and what should not have."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.violations: dict[str, str] = {}

    def note(self, what: str, told: object) -> None:
        """Something is wrong; the first of a kind is told."""
        self.counts[f"VIOLATION {what}"] += 1
        if len(self.violations) < TOLD:
            self.violations.setdefault(what, f"{what}: {told}")


# --- at the verifier -----------------------------------------------------------------------------


def forge_at_verifier(seen: Seen, *, cases: int, seed: int) -> None:
    """Ask the verifiers themselves, in this process, about so many forged ones."""
    rng = random.Random(seed)
    providers = {scheme.name: scheme.provider() for scheme in SCHEMES}
    done = 0
    while done < cases:
        scheme = rng.choice(SCHEMES)
        provider = providers[scheme.name]
        genuine = a_genuine(rng, scheme, at=NOW)
        _expect(seen, provider, Forged(genuine.raw, ((scheme.header, genuine.proof),)), "genuine")
        for _ in range(min(FROM_ONE, cases - done)):
            forge = rng.choice(forgeries_of(scheme))
            forged = forge(rng, genuine)
            if is_same(forged, genuine):
                _expect(seen, provider, forged, "changed into the genuine one again")
                continue
            done += 1
            is_taken = _is_taken(provider, forged)
            seen.counts[f"refused: {forge.__name__}"] += not is_taken
            if is_taken:
                seen.note(f"{scheme.name} took {forge.__name__}", forged)
            if done % 200_000 == 0:
                print(f"{done:,} forged, {len(seen.violations)} taken", flush=True)
        seen.counts[f"provider: {scheme.name}"] += 1


def _expect(seen: Seen, provider: RemoteProvider, message: Forged, kind: str) -> None:
    seen.counts[f"taken: {kind}"] += 1
    if not _is_taken(provider, message):
        seen.note(f"{provider.name} refused what is {kind}", message)


def _is_taken(provider: RemoteProvider, message: Forged) -> bool:
    raw, headers = carry(message.raw, message.headers)
    try:
        provider.parse_webhook(raw, Multi(headers), received_at=NOW)
    except WebhookRefused:
        return False
    return True


# --- over HTTP -----------------------------------------------------------------------------------


class Sent(msgspec.Struct, frozen=True):
    """One request and what must become of it."""

    request: Request
    kind: str
    is_genuine: bool


def _json(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return ("Content-Type", "application/json"), *pairs


def encode_otherwise(rng: random.Random, genuine: Genuine) -> Request:
    """The genuine proof, and a body that a server might turn into the genuine one."""
    raw, proof = genuine.raw, (genuine.scheme.header, genuine.proof)
    target = _address(genuine.scheme)
    utf_16 = ("Content-Type", "application/json; charset=utf-16")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    sizes = (1, 1000, _TOO_LARGE - len(raw), _TOO_LARGE)
    # To a provider that proves the values, some spaces are nothing; too many are too many.
    is_blind = genuine.scheme.is_same_body(raw + b" ", raw)
    padding = b" " * rng.choice(sizes[2:] if is_blind else sizes)
    return rng.choice(
        (
            Request(
                gzip.compress(raw), _json((proof, ("Content-Encoding", "gzip"))), target=target
            ),
            Request(
                zlib.compress(raw), _json((proof, ("Content-Encoding", "deflate"))), target=target
            ),
            Request(raw.decode().encode("utf-16"), (proof, utf_16), target=target),
            Request(b"payload=" + raw, (proof, form), target=target),
            Request(raw + padding, _json((proof,)), target=target, is_chunked=rng.random() < 0.3),
            Request(b"", _json((proof, ("X-Body", raw.decode("latin-1")))), target=target),
        )
    )


def send_otherwise(rng: random.Random, genuine: Genuine) -> Request:
    """The genuine message, but not to the address, by the method or of the length it should be."""
    raw, scheme = genuine.raw, genuine.scheme
    headers = _json(((scheme.header, genuine.proof),))
    home = _address(scheme)
    others = [_address(other) for other in SCHEMES if other.name != scheme.name]
    target = rng.choice(
        (
            *("/webhooks/bank_transfer", f"/webhooks/{scheme.name.title()}", f"{home}%00"),
            *(*others, f"/webhooks/..%2f{scheme.name}", f"{home}%20"),
        )
    )
    method = rng.choice(("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"))
    query = f"{home}?{scheme.header}={genuine.proof}"
    return rng.choice(
        (
            Request(raw, headers, target=target),
            Request(raw, headers, method=method, target=home),
            Request(raw, headers, length=rng.randrange(len(raw)), target=home),
            Request(raw, headers, length=len(raw) + rng.randrange(1, 50), target=home),
            Request(raw, _json(()), target=query),
        )
    )


def _genuine_request(rng: random.Random, genuine: Genuine) -> Request:
    """As a provider, or something on the way from it, may write it."""
    header, target = genuine.scheme.header, _address(genuine.scheme)
    pairs = [(header, genuine.proof), ("X-Event-Id", "evt"), ("User-Agent", "provider/1")]
    match rng.randrange(4):
        case 0:
            return Request(genuine.raw, _json(pairs), target=target, is_chunked=True)
        case 1:
            lower = [(name.lower(), value) for name, value in pairs]
            return Request(genuine.raw, _json(lower), target=target)
        case 2 if genuine.scheme.is_timed:
            more = f"{genuine.proof},v1={'b' * 64}"
            return Request(genuine.raw, _json([(header, more)]), target=target)
        case _:
            return Request(genuine.raw, _json(pairs), target=target)


def _make_sendings(cases: int, seed: int) -> Iterator[Sent]:
    """So many forged requests and the genuine ones between them."""
    rng = random.Random(seed)
    done = 0
    while done < cases:
        scheme = rng.choice(SCHEMES)
        forges = (*forgeries_of(scheme), *(encode_otherwise, send_otherwise) * 3)
        genuine = a_genuine(rng, scheme, at=int(time.time()))
        yield Sent(_genuine_request(rng, genuine), "genuine", is_genuine=True)
        for _ in range(GENUINE_EVERY - 1):
            other = a_genuine(rng, scheme, at=int(time.time()))
            forge = rng.choice(forges)
            made = forge(rng, other)
            if isinstance(made, Request):
                done += 1
                yield Sent(made, forge.__name__, is_genuine=False)
                continue
            is_genuine = is_same(made, other)
            done += not is_genuine
            request = Request(made.raw, _json(made.headers), target=_address(scheme))
            yield Sent(request, forge.__name__, is_genuine=is_genuine)


def _address(scheme: Scheme) -> str:
    return f"/webhooks/{scheme.name}"


async def _send_all(seen: Seen, port: int, sendings: Iterator[Sent]) -> None:
    async def work() -> None:
        connection = Connection("127.0.0.1", port)
        for sent in sendings:
            status, body = await connection.ask(_carried(sent.request))
            _judge(seen, sent, status, body)
        await connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def _judge(seen: Seen, sent: Sent, status: int, body: bytes) -> None:
    word = "no answer" if status == NO_ANSWER else str(status)
    if sent.is_genuine:
        seen.counts["HTTP genuine taken"] += status == 200
        if status != 200:
            seen.note(f"HTTP {word} to a genuine one", (sent.request, body))
        return
    seen.counts[f"HTTP forged answered {word}"] += 1
    if status >= 500 or (status != NO_ANSWER and status < 400):
        # What OPTIONS is told is told to everybody.
        if sent.request.method == "OPTIONS" and status in (200, 204):
            return
        seen.note(f"HTTP {word} to {sent.kind}", (sent.request, body))


def _carried(request: Request) -> Request:
    raw, headers = carry(request.raw, request.headers)
    return msgspec.structs.replace(request, raw=raw, headers=headers)


async def _rows(stage: Stage) -> int:
    return await stage.count("SELECT count(*) FROM webhook_events")


def forge_over_http(stage: Stage, seen: Seen, *, cases: int, seed: int) -> None:
    """Ask a real server, and look into its inbox."""
    stage.shop.settings = switched_on(SECRETS)
    web = stage.run(stage.shop.start_web(secrets=SECRETS))
    stage.run(_send_all(seen, stage.shop.port, _make_sendings(cases, seed)))
    rows, taken = stage.run(_rows(stage)), seen.counts["HTTP genuine taken"]
    seen.counts["rows in the inbox"] = rows
    if rows != taken:
        seen.note("inbox", f"{rows} rows of {taken} genuine messages")
    for line in web.log().splitlines():
        if "request_failed" in line or "Traceback" in line:
            seen.note("server's log", line[:500])
    for code in stage.run(stage.broken()):
        seen.note("invariant", code)
    _rotate(stage, seen, seed)


def switched_on(secrets: Sequence[str]) -> dict[str, str]:
    """Settings of every provider that has a fake; it is not there to be asked."""
    settings = {}
    nowhere = "http://127.0.0.1:1"
    for name, kind in FAKES.items():
        fake, prefix = kind(), f"SUREHOLD_{name.upper()}_"
        live = {str(number): fake.told(secret) for number, secret in enumerate(secrets)}
        settings[f"{prefix}SECRET_KEY"] = fake.secret_key
        settings[f"{prefix}PUBLIC_KEY"] = fake.public_key
        settings[f"{prefix}WEBHOOK_SECRETS"] = json.dumps(live)
        settings[f"{prefix}BASE_URL"] = nowhere
        settings |= {f"{prefix}{key}": value for key, value in fake.settings(nowhere).items()}
    return settings


def _rotate(stage: Stage, seen: Seen, seed: int) -> None:
    """While a secret is being changed both are taken; afterwards the old one is not."""
    rng = random.Random(seed)
    new, old = SECRETS
    expected = (
        ((RETIRED, old), {RETIRED: 200, old: 200, new: 400}),
        ((new, old), {RETIRED: 400, old: 200, new: 200}),
        ((new,), {RETIRED: 400, old: 400, new: 200}),
    )
    for live, answers in expected:
        port = stage.shop.use_another_port()
        stage.shop.settings = switched_on(live)
        stage.run(stage.shop.start_web(secrets=live))
        connection = Connection("127.0.0.1", port)
        for scheme in SCHEMES:
            for secret, wanted in answers.items():
                genuine = a_genuine(rng, scheme, at=int(time.time()), secret=secret)
                headers = _json([(scheme.header, genuine.proof)])
                request = Request(genuine.raw, headers, target=_address(scheme))
                status, _ = stage.run(connection.ask(_carried(request)))
                seen.counts["rotation: as it must be"] += status == wanted
                if status != wanted:
                    what = f"{scheme.name}: {status} instead of {wanted}"
                    seen.note("rotation", f"{what} with {len(live)} secrets")
        stage.run(connection.close())


# --- a run ---------------------------------------------------------------------------------------


def run(
    *,
    cases: int = 1_000_000,
    http: int = 20_000,
    seed: int = 7,
    database_url: str | None = None,
) -> Finding:
    """Forge so many at the verifier and so many over HTTP. Begins no loop of the caller's.

    ``database_url`` is a migrated and empty database; without one a server is started for it.
    """
    began = time.perf_counter()
    seen = Seen()
    forge_at_verifier(seen, cases=cases, seed=seed)
    verified = time.perf_counter()
    if http:
        with a_stage(database_url) as stage:
            forge_over_http(stage, seen, cases=http, seed=seed)
    again = f"python -m proof.inputs.webhooks --cases {cases} --http {http} --seed {seed}"
    return Finding(
        harness=HARNESS,
        title="Forged webhooks",
        seconds=time.perf_counter() - began,
        figures={
            "forged at the verifier": cases,
            "forged over HTTP": http,
            "seed": seed,
            "seconds at the verifier": round(verified - began, 1),
            **dict(sorted(seen.counts.items())),
        },
        violations=tuple(f"{told}\n(again: {again})" for told in seen.violations.values()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print what came of it, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--http", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(arguments)
    finding = run(cases=chosen.cases, http=chosen.http, seed=chosen.seed)
    show(finding, Console())
    return 0 if finding.is_pass else 1


if __name__ == "__main__":
    sys.exit(main())
