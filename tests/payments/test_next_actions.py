"""What the buyer must do next, as programs read it and as the database keeps it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from surehold.payments.model import (
    ClientSecret,
    Instructions,
    JsCheckout,
    NextAction,
    NoAction,
    PostForm,
    PushPrompt,
    Redirect,
    Wait,
)

FORMS: list[tuple[NextAction, dict[str, Any]]] = [
    (Redirect("https://a.test/1"), {"type": "redirect", "url": "https://a.test/1"}),
    (
        PostForm("https://a.test/1", (("a", "1"),)),
        {"type": "post_form", "url": "https://a.test/1", "fields": [["a", "1"]]},
    ),
    (
        ClientSecret("pk_1", "pi_1_secret_2"),
        {"type": "client_secret", "publishable_key": "pk_1", "secret": "pi_1_secret_2"},
    ),
    (
        JsCheckout("key_1", "order_1", (("email", "m@example.com"),)),
        {
            "type": "js_checkout",
            "key": "key_1",
            "provider_order_id": "order_1",
            "prefill": [["email", "m@example.com"]],
        },
    ),
    (
        PushPrompt("0911234567", "Enter your PIN", 5),
        {
            "type": "push_prompt",
            "phone": "0911234567",
            "message": "Enter your PIN",
            "poll_after_seconds": 5,
        },
    ),
    (
        Instructions((("IBAN", "DE89"),), "SH-1"),
        {"type": "instructions", "lines": [["IBAN", "DE89"]], "reference": "SH-1"},
    ),
    (Wait(2), {"type": "wait", "poll_after_seconds": 2}),
    (NoAction(), {"type": "none"}),
]


@pytest.mark.parametrize(("action", "form"), FORMS)
def test_every_action_has_one_form_and_reads_back(
    action: NextAction, form: dict[str, Any]
) -> None:
    raw = msgspec.json.encode(action)

    assert msgspec.json.decode(raw) == form
    assert msgspec.json.decode(raw, type=NextAction) == action


def test_no_kind_of_action_is_forgotten() -> None:
    assert {type(action) for action, _ in FORMS} == set(NextAction.__args__)
