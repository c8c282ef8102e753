"""The JSON side asked by its own document: thousands of requests that nobody would write.

``python -m proof.inputs.api --cases 20000 --seed 7``. A real server on a loopback port, a shop
with products, orders, carts and payments, and Schemathesis to make requests of the OpenAPI
document: what fits it and what does not, asked by everybody whom the access matrix knows. Every
answer must be what the document says, no answer may be a fault of ours, every refusal must be a
whole problem document, and nobody gets in whom the matrix keeps out.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from rich.console import Console
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks as openapi

from proof.inputs.aim import Aim, apply, deal, take_aim
from proof.inputs.people import PROOFS, People, Who
from proof.inputs.place import Stage, a_stage
from proof.inputs.shelf import NOBODY, Shelf, stock
from proof.report import Finding, show
from surehold.web.openapi import template_of
from tests.support.access import read_matrix

HARNESS: Final = "inputs-api"
#: Of the long form.
CASES: Final = 20_000
#: Examples that one operation gets at a time, of one kind.
ROUND: Final = 25
TIMEOUT_SECONDS: Final = 20
#: Failures that are told; each is told once by operation, check and status.
TOLD: Final = 40
#: What the document has no operation for.
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "SEARCH")
#: Statuses of the access matrix that mean: never, whatever is sent.
KEPT_OUT: Final = frozenset({"401", "403"})
PROBLEM: Final = "application/problem+json"
TEXT: Final = "text/csv"
_MEMBERS: Final = ("type", "title", "status", "detail", "instance", "code")
_CONFIG: Final = {"generation": {"with-security-parameters": False, "database": "none"}}
_CHECKS: Final = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
    openapi.missing_required_header,
]

# Addresses may be written in any script, which is a format that Schemathesis does not make.
schemathesis.openapi.format("idn-email", st.emails())
schemathesis.serializer.alias("application/pdf", "application/octet-stream")


class Asking:
    """One run: it counts what it sees and keeps what is wrong."""

    def __init__(self, stage: Stage, shelf: Shelf, people: People, seed_number: int) -> None:
        self.stage = stage
        self.shelf = shelf
        self.people = people
        self.seed = seed_number
        self.cases = 0
        self.counts: Counter[str] = Counter()
        self.failures: dict[tuple[str, ...], str] = {}
        #: Operations that did what they are for at least once.
        self.reached: set[str] = set()
        #: Operations of which there is nothing to be asked in this mode.
        self.done: set[tuple[str, GenerationMode]] = set()
        self._doors = doors()
        self._deck: list[Who] = []
        self._session = requests.Session()
        self._session.trust_env = False
        self._keys: list[str] = []

    def ask_round(self, operation: Any, mode: GenerationMode, number: int, cases: int) -> None:
        """Ask one operation so many times; fewer when there is no more to ask of it."""

        @seed(hash_of(self.seed, operation.label, mode.value, number))
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), chance=st.integers(0, 2**64 - 1))
        def ask(case: Case, chance: int) -> None:
            self._ask(case, random.Random(f"{chance}/{self.cases}"))

        try:
            ask()
        except Unsatisfiable:
            # Any text will do there, and any text is what it got: no request contradicts it.
            self.done.add((operation.label, mode))

    def ask_undocumented(self, paths: dict[str, Any]) -> None:
        """Every method that an address does not have is refused with those that it has."""
        for path, operations in paths.items():
            address = path.replace("{provider}", "sandbox")
            for name in ("order_id", "payment_id", "line_id", "variant_id"):
                address = address.replace("{" + name + "}", NOBODY)
            address = address.replace("{", "").replace("}", "")
            for method in METHODS:
                if method.lower() not in operations:
                    self._ask_undocumented(method, address)

    def _ask_undocumented(self, method: str, address: str) -> None:
        answer = self._session.request(
            method, self.stage.shop.base_url + address, timeout=TIMEOUT_SECONDS
        )
        self.counts["undocumented methods"] += 1
        where = f"{method} {address}"
        # The framework tells unknown words for methods from known ones; both are refused.
        if answer.status_code != 405 or not answer.headers.get("allow"):
            self._note(where, "method", f"{answer.status_code} {dict(answer.headers)}")
        self._check_problem(where, answer, f"{method} {answer.url}")

    def _ask(self, case: Case, rng: random.Random) -> None:
        self._deck = self._deck or deal(rng)
        who = self._deck.pop()
        aim = take_aim(who, self.people.headers[who], self.shelf, rng, self._keys)
        apply(case, self.shelf, aim, rng)
        headers = dict(aim.headers)
        if case.meta is not None and case.meta.generation.mode.is_negative:
            # What is wrong stays wrong: a header that is missing on purpose is not put there.
            headers.pop("Idempotency-Key", None)
            headers = {name: headers[name] for name in headers if name not in case.headers}
        self._session.cookies.clear()
        response = case.call(
            base_url=self.stage.shop.base_url,
            session=self._session,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        self.cases += 1
        status = response.status_code
        self.counts[f"{case.meta.generation.mode.value} data" if case.meta else "?"] += 1
        self.counts[f"asked by {aim.who.value}"] += 1
        self.counts[f"answered {status // 100}xx"] += 1
        label = case.operation.label
        if status < 300:
            self.reached.add(label)
        again = case.as_curl_command(headers=headers)
        try:
            case.validate_response(response, checks=_checks_of(case), headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                assert isinstance(failure, Failure)
                kind = type(failure).__name__
                told = f"{failure}\n{response.text[:600]}\n{again}"
                self._note(label, kind, told, str(status))
        self._check_problem(label, response, again, case)
        self._check_proof(case, aim, status, again)
        if status == 401 and not self.stage.run(self.people.proves(aim.who)):
            self.stage.run(self.people.prove_again(aim.who))
            self.counts["signed in again"] += 1

    def _check_problem(
        self, label: str, answer: Any, again: str, case: Case | None = None
    ) -> None:
        """A refusal is a whole problem document; the code is one that the document names."""
        status = answer.status_code
        kind = answer.headers.get("content-type", "")
        kind = kind[0] if isinstance(kind, list) else kind
        if status < 400 or label.endswith("/health/ready"):
            return
        if kind != PROBLEM:
            self._note(label, "problem type", f"{status} {kind}\n{again}")
            return
        body = answer.json()
        request_id = answer.headers["x-request-id"]
        request_id = request_id[0] if isinstance(request_id, list) else request_id
        is_whole = all(body.get(name) for name in _MEMBERS)
        if not is_whole or body["status"] != status or body["instance"] != request_id:
            self._note(label, "problem document", f"{status} {body}\n{again}")
        if (body["code"] == "invalid_input") != bool(body.get("errors")):
            self._note(label, "problem faults", f"{status} {body}\n{again}")
        self.counts[f"refused as {body['code']}"] += 1
        if case is None:
            return
        said = case.operation.definition.raw["responses"].get(str(status), {})
        codes = said.get("content", {}).get(PROBLEM, {}).get("examples", {})
        if body["code"] not in codes:
            self._note(
                label, "undocumented code", f"{status} {body['code']}\n{again}", body["code"]
            )

    def _check_proof(self, case: Case, aim: Aim, status: int, again: str) -> None:
        """Nobody gets in without a proof that the document asks for, or past the matrix."""
        if status >= 300:
            return
        door = self._doors.get((case.method, case.operation.path), {})
        if door.get(aim.who.column) in KEPT_OUT:
            told = f"{aim.who} got {status}, and the access matrix keeps them out\n{again}"
            self._note(case.operation.label, "past the matrix", told)
        needed = case.operation.definition.raw.get("security", [])
        names = [name for one in needed for name in one]
        if not names or {} in needed:
            return
        if not any(aim.who in PROOFS[name] for name in names):
            self._note(case.operation.label, "let in", f"{aim.who} got {status}\n{again}")

    def _note(self, label: str, check: str, told: str, *more: str) -> None:
        self.counts["FAILED"] += 1
        if len(self.failures) < TOLD:
            self.failures.setdefault((label, check, *more), f"{label}: {check}: {told}")


def _checks_of(case: Case) -> list[Any]:
    """All of them; but a body that is any text is not contradicted by another value as text."""
    wrong = () if case.meta is None else case.meta.components.items()
    where = {place for place, found in wrong if found.mode.is_negative}
    if case.media_type == TEXT and where == {ParameterLocation.BODY}:
        return [check for check in _CHECKS if check is not openapi.negative_data_rejection]
    return _CHECKS


def doors() -> dict[tuple[str, str], dict[str, str]]:
    """The access matrix, with paths as the document writes them."""
    return {(method, template_of(path)): row for (method, path), row in read_matrix().items()}


def hash_of(*parts: object) -> int:
    """The same number for the same parts in every process."""
    return random.Random("/".join(map(str, parts))).getrandbits(48)


def run(*, cases: int = CASES, seed_number: int = 7, database_url: str | None = None) -> Finding:
    """Ask at least so many times, and look at the shop afterwards. Begins no loop of the caller's.

    ``database_url`` is a migrated and empty database; without one a server is started for it.
    """
    began = time.perf_counter()
    with a_stage(database_url) as stage:
        stage.run(stage.shop.start_sandbox())
        web = stage.run(stage.shop.start_web())
        people = People(stage)
        stage.run(people.arrive())
        shelf = stage.run(stock(stage))
        address = f"{stage.shop.base_url}/api/openapi.json"
        document = requests.get(address, timeout=TIMEOUT_SECONDS, proxies={"http": ""}).json()
        asking = Asking(stage, shelf, people, seed_number)
        asking.ask_undocumented(document["paths"])
        _ask_all(asking, document, cases)
        violations = [*asking.failures.values(), *_aftermath(stage, web.log())]
    again = f"python -m proof.inputs.api --cases {cases} --seed {seed_number}"
    return Finding(
        harness=HARNESS,
        title="Requests made from the API's own document",
        seconds=time.perf_counter() - began,
        figures={
            "cases": asking.cases,
            "seed": seed_number,
            "operations that answered with success": len(asking.reached),
            "operations": sum(len(operations) for operations in document["paths"].values()),
            **dict(sorted(asking.counts.items())),
        },
        violations=tuple(f"{violation}\n(again: {again})" for violation in violations),
    )


def _ask_all(asking: Asking, document: dict[str, Any], cases: int) -> None:
    schema = schemathesis.openapi.from_dict(
        document, config=schemathesis.Config.from_dict(_CONFIG)
    )
    operations = [found.ok() for found in schema.get_all_operations()]
    for number, (operation, mode) in _turns(operations):
        left = cases - asking.cases
        if left <= 0:
            return
        if (operation.label, mode) in asking.done:
            continue
        before = asking.cases
        share = max(2, min(ROUND, cases // (2 * len(operations))))
        asking.ask_round(operation, mode, number, min(share, left))
        if before // 1000 != asking.cases // 1000:
            print(f"{asking.cases:,} cases, {len(asking.failures)} failures", flush=True)


def _turns(operations: Sequence[Any]) -> Iterator[tuple[int, tuple[Any, GenerationMode]]]:
    """Every operation with fitting and with unfitting data, again and again."""
    number = 0
    while True:
        for operation in operations:
            for mode in GenerationMode:
                if mode.is_positive or _can_be_wrong(operation):
                    yield number, (operation, mode)
        number += 1


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is anything in a request that the document could be contradicted in."""
    raw = operation.definition.raw
    return bool(raw.get("parameters") or raw.get("requestBody"))


def _aftermath(stage: Stage, log: str) -> Iterator[str]:
    """What must hold of the shop once everything was asked."""
    for code in stage.run(stage.broken()):
        yield f"the invariant {code} does not hold"
    for line in log.splitlines():
        if "request_failed" in line or "Traceback" in line:
            yield f"the server's log has {line[:500]}"
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print what came of it, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(arguments)
    finding = run(cases=chosen.cases, seed_number=chosen.seed)
    show(finding, Console())
    return 0 if finding.is_pass else 1


if __name__ == "__main__":
    sys.exit(main())
