"""Forged webhooks: some thousands at the verifier, some hundreds over HTTP; none is taken."""

from __future__ import annotations

import random

import pytest

from proof.inputs import webhooks
from proof.inputs.forgery import Forged, a_genuine, forgeries_of, is_same
from proof.inputs.schemes import SCHEMES, Scheme
from proof.inputs.schemes.chapa import Chapa
from proof.inputs.schemes.sandbox import Sandbox
from proof.inputs.webhooks import NOW, Seen, forge_at_verifier
from surehold.payments.providers import signatures
from surehold.payments.providers.kinds import list_kinds
from surehold.payments.providers.sandbox import SandboxProvider

CASES, HTTP = 30_000, 600


def test_P8_P10_no_forged_webhook_is_taken(fresh_url: str) -> None:
    finding = webhooks.run(cases=CASES, http=HTTP, seed=11, database_url=fresh_url)

    assert finding.violations == ()
    assert finding.figures["rows in the inbox"] == finding.figures["HTTP genuine taken"]
    assert finding.figures["rotation: as it must be"] == 9 * len(SCHEMES)


def test_every_provider_that_sends_webhooks_is_forged() -> None:
    remote = {kind.name for kind in list_kinds()} - {"bank_transfer", "cash_on_delivery"}

    assert {scheme.name for scheme in SCHEMES} == remote


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_every_way_to_forge_changes_something(scheme: Scheme) -> None:
    rng = random.Random(5)
    for forge in forgeries_of(scheme):
        made = [(forge(rng, one), one) for one in (a_genuine(rng, scheme, at=NOW),) * 50]

        # To a proof of sorted fields, most ways to write them again are no change.
        assert sum(not is_same(forged, one) for forged, one in made) >= 5, forge.__name__


def test_what_changes_nothing_is_not_counted_as_forged() -> None:
    genuine = a_genuine(random.Random(5), Sandbox(), at=NOW)
    header = Sandbox.header
    spaced = a_genuine(random.Random(5), Chapa(), at=NOW)

    assert is_same(Forged(genuine.raw, ((header.upper(), f" {genuine.proof}"),)), genuine)
    assert not is_same(Forged(genuine.raw, ((header, genuine.proof),) * 2), genuine)
    assert not is_same(Forged(genuine.raw + b" ", ((header, genuine.proof),)), genuine)
    assert is_same(Forged(spaced.raw + b" ", ((Chapa.header, spaced.proof),)), spaced)
    assert not is_same(Forged(spaced.raw + b"x", ((Chapa.header, spaced.proof),)), spaced)


def test_a_verifier_that_takes_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SandboxProvider, "_verify", lambda *_: None)
    seen = Seen()

    forge_at_verifier(seen, cases=3_000, seed=5)

    assert "sandbox took proof_of_another" in seen.violations


def test_a_verifier_that_forgets_time_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "TOLERANCE_SECONDS", 10**12)
    seen = Seen()

    forge_at_verifier(seen, cases=3000, seed=5)

    assert set(seen.violations) == {
        f"{scheme.name} took another_time" for scheme in SCHEMES if scheme.is_timed
    }


def test_a_verifier_that_refuses_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "TOLERANCE_SECONDS", -1)
    seen = Seen()

    forge_at_verifier(seen, cases=3_000, seed=5)

    assert "sandbox refused what is genuine" in seen.violations
