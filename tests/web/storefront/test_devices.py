"""Sessions are told apart by browser and system, not by what browsers call each other."""

from __future__ import annotations

import pytest

from surehold.web.storefront.account.devices import describe_device

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT}"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (f"{WINDOWS} Chrome/139.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} Chrome/139.0.0.0 Safari/537.36 OPR/120.0.0.0", "Opera on Windows"),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
                " (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
            ),
            "Safari on macOS",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
                " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
                " (KHTML, like Gecko) CriOS/139.0.0.0 Mobile/15E148 Safari/604.1"
            ),
            "Chrome on iPad",
        ),
        (
            (
                f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0"
                " Mobile Safari/537.36"
            ),
            "Samsung Internet on Android",
        ),
        ("surehold-till/1.4", "surehold-till/1.4"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_device_is_named_as_people_name_it(told: str | None, said: str) -> None:
    assert describe_device(told) == said
