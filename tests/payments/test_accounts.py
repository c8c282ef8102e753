"""Switching a provider on is settings only; what is missing is said, and secrets are not shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from surehold.cli.doctor import check_account, mask
from surehold.config import Mode
from surehold.payments.providers.account import AccountMode, ProviderKind, SettingsFault
from surehold.payments.providers.chapa import ChapaSettings
from surehold.payments.providers.kinds import list_account_faults, list_kinds, open_providers
from surehold.payments.providers.port import (
    LocalProvider,
    RemoteProvider,
)
from surehold.payments.providers.stripe import StripeSettings
from surehold.server import config_secrets
from tests.fakes import FAKES
from tests.support.api import a_config
from tests.support.provided import settings_of

ROOT: Final = Path(__file__).parents[2]
KINDS: Final = {kind.name: kind for kind in list_kinds()}
STRIPE: Final = {
    "SUREHOLD_STRIPE_SECRET_KEY": "sk_test_very_secret",
    "SUREHOLD_STRIPE_WEBHOOK_SECRETS": '{"new": "whsec_fresh", "old": "whsec_stale"}',
}


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Any:
    def on(settings: dict[str, str]) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return on


def test_nothing_is_on_unless_its_settings_are() -> None:
    assert [provider.name for provider in open_providers(a_config())] == ["bank_transfer"]


async def test_settings_alone_switch_a_provider_on(switch: Any) -> None:
    switch(STRIPE)
    providers = open_providers(a_config(sandbox_url="http://127.0.0.1:1"))

    names = [provider.name for provider in providers]
    assert names == ["sandbox", "stripe", "bank_transfer"]
    assert providers.get("stripe").account == "main"
    await providers.close()


def test_every_kind_is_a_provider_and_has_a_fake_and_a_page() -> None:
    """What makes a new provider whole: see docs/adding-a-provider.md."""
    assert set(FAKES) == {kind.name for kind in KINDS.values() if kind.settings is not None}
    for name in FAKES:
        assert (ROOT / "docs" / "providers" / f"{name}.md").is_file(), name
        assert KINDS[name].webhook_events, name


@pytest.mark.parametrize("name", FAKES)
async def test_adapters_are_what_the_port_says(name: str, switch: Any) -> None:
    fake = FAKES[name]()
    kind = KINDS[name]
    assert kind.settings is not None
    switch(settings_of(fake, "http://127.0.0.1:1"))
    settings = kind.settings()
    assert settings.list_faults(Mode.TEST) == []
    provider = fake.adapter(settings.to_account())

    assert isinstance(provider, RemoteProvider)
    assert not isinstance(provider, LocalProvider)
    assert provider.capabilities.page_origins
    await provider.close()


def _stripe(**changes: Any) -> StripeSettings:
    values = {"secret_key": "sk_test_x", "webhook_secrets": {"a": "whsec_a"}}
    return StripeSettings(_env_file=None, **(values | changes))


@pytest.mark.parametrize(
    ("changes", "installation", "fault"),
    [
        ({"mode": "live"}, Mode.TEST, "SUREHOLD_STRIPE_SECRET_KEY is no live key"),
        ({"secret_key": "pk_test_x"}, Mode.TEST, "SUREHOLD_STRIPE_SECRET_KEY is no test key"),
        ({"webhook_secrets": {}}, Mode.TEST, "WEBHOOK_SECRETS is not set: nothing is believed"),
        ({"webhook_secrets": {"a": ""}}, Mode.TEST, "a is no webhook secret (whsec_…)"),
        ({"webhook_secrets": {"a": "sk_test_x"}}, Mode.TEST, "a is no webhook secret"),
        ({"webhook_secrets": dict.fromkeys("abcd", "whsec_a")}, Mode.TEST, "has more than 3"),
        ({"base_url": "http://api.stripe.com.evil.test"}, Mode.TEST, "BASE_URL is not https"),
        ({}, Mode.PRODUCTION, "MODE is test: in production goods would leave for no money"),
        ({"base_url": "https://proxy.test"}, Mode.PRODUCTION, "BASE_URL is set"),
        ({"page": "element"}, Mode.TEST, "SUREHOLD_STRIPE_PUBLIC_KEY is no test key"),
    ],
)
def test_every_fault_of_the_settings_is_told(
    changes: dict[str, Any], installation: Mode, fault: str
) -> None:
    assert any(fault in told for told in _stripe(**changes).list_faults(installation))


def test_settings_that_are_right_have_no_fault() -> None:
    live = {"mode": "live", "secret_key": "sk_live_x"}

    assert _stripe().list_faults(Mode.TEST) == []
    assert _stripe(**live).list_faults(Mode.PRODUCTION) == []
    assert _stripe(base_url="http://127.0.0.1:9001").list_faults(Mode.TEST) == []
    chapa = ChapaSettings(
        _env_file=None, secret_key="CHASECK_TEST-x", webhook_secrets={"a": "anything"}
    )
    assert chapa.list_faults(Mode.TEST) == []
    assert chapa.to_account().mode is AccountMode.TEST


def test_a_provider_that_is_half_set_up_stops_the_program(switch: Any) -> None:
    switch({"SUREHOLD_CHAPA_SECRET_KEY": "sk_test_x"})

    with pytest.raises(SettingsFault) as refusal:
        open_providers(a_config())
    assert (
        refusal.value.faults
        == list_account_faults(a_config())
        == [
            "SUREHOLD_CHAPA_SECRET_KEY is no test key: those begin with CHASECK_TEST-",
            "SUREHOLD_CHAPA_WEBHOOK_SECRETS is not set: nothing is believed",
        ]
    )
    (first, second) = check_account(KINDS["chapa"], a_config())
    assert (first.verdict.value, second.verdict.value) == ("fail", "fail")


def test_doctor_says_what_to_register_and_shows_no_secret(switch: Any) -> None:
    switch(STRIPE)
    config = a_config(base_url="https://shop.example")
    checks = check_account(KINDS["stripe"], config)
    shown = json.dumps(mask(config))

    assert [check.verdict.value for check in checks] == ["ok", "ok"]
    assert checks[0].detail == "test mode, webhook secrets new, old"
    assert checks[1].detail.startswith(
        "register https://shop.example/webhooks/stripe for checkout.session.completed, "
    )
    for secret in ("very_secret", "fresh", "stale"):
        assert secret not in shown
        assert secret not in repr(StripeSettings().to_account())
        assert secret not in repr(open_providers(config).get("stripe"))
        assert any(secret in known for known in config_secrets(config))


def test_a_kind_without_a_block_of_its_own_has_nothing_to_tell() -> None:
    assert check_account(ProviderKind("x", lambda _: None), a_config()) == []
