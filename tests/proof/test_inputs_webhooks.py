"""Forged webhooks: some thousands at the verifier, some hundreds over HTTP; none is taken."""

from __future__ import annotations

import random

import pytest

from proof.inputs import webhooks
from proof.inputs.forgery import FORGERIES, HEADER, Forge, Forged, a_genuine, is_same
from proof.inputs.webhooks import NOW, Seen, forge_at_verifier
from surehold.payments.providers import sandbox
from surehold.payments.providers.sandbox import SandboxProvider

CASES, HTTP = 30_000, 600


def test_P8_P10_no_forged_webhook_is_taken(fresh_url: str) -> None:
    finding = webhooks.run(cases=CASES, http=HTTP, seed=11, database_url=fresh_url)

    assert finding.violations == ()
    assert finding.figures["rows in the inbox"] == finding.figures["HTTP genuine taken"]
    assert finding.figures["rotation: as it must be"] == 9


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_every_way_to_forge_changes_something(forge: Forge) -> None:
    rng = random.Random(5)

    made = [(forge(rng, genuine), genuine) for genuine in (a_genuine(rng, at=NOW),) * 50]

    assert sum(not is_same(forged, genuine) for forged, genuine in made) >= 20


def test_what_changes_nothing_is_not_counted_as_forged() -> None:
    genuine = a_genuine(random.Random(5), at=NOW)

    assert is_same(Forged(genuine.raw, ((HEADER.upper(), f" {genuine.proof}"),)), genuine)
    assert not is_same(Forged(genuine.raw, ((HEADER, genuine.proof),) * 2), genuine)
    assert not is_same(Forged(genuine.raw + b" ", ((HEADER, genuine.proof),)), genuine)


def test_a_verifier_that_takes_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxProvider, "_verify", lambda *_: None)
    seen = Seen()

    forge_at_verifier(seen, cases=500, seed=5)

    assert "verifier took proof_of_another" in seen.violations


def test_a_verifier_that_forgets_time_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "TOLERANCE_SECONDS", 10**12)
    seen = Seen()

    forge_at_verifier(seen, cases=500, seed=5)

    assert set(seen.violations) == {"verifier took another_time"}


def test_a_verifier_that_refuses_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "TOLERANCE_SECONDS", -1)
    seen = Seen()

    forge_at_verifier(seen, cases=100, seed=5)

    assert "verifier refused what is genuine" in seen.violations
