"""What only the store's pages refuse.

DomainError
├── FormNotOurs                403
└── TriedTooOften              429
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from surehold.kernel.errors import DomainError, Kind
from surehold.web.templating import build_environment, render_page

#: The page of ``TooManyPage`` loads our style and nothing else.
PAUSE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
#: A page for a browser that asked too often: after how many seconds it may come back, where to
#: (``None``: it sent a form, which is not sent again by a link), the request's id, and the locale.
TooManyPage = Callable[[int, str | None, str, str], bytes]


class Reader(msgspec.Struct, frozen=True):
    """All that such a page knows of who reads it."""

    locale: str


def too_many_page(asset_url: Callable[[str], str], *, store_name: str) -> TooManyPage:
    """What makes that page. It reads nothing: whoever floods the store gets no work for it."""
    environment = build_environment(asset_url)

    def make(seconds: int, retry_url: str | None, request_id: str, locale: str) -> bytes:
        return render_page(
            environment,
            "too_many.html",
            page=Reader(locale),
            store_name=store_name,
            seconds=seconds,
            retry_url=retry_url,
            request_id=request_id,
        ).encode()

    return make


class FormNotOurs(DomainError):
    """A form came without the proof that we gave it to this browser; nothing was done."""

    kind = Kind.FORBIDDEN
    code = "form_not_ours"
    title = "This form cannot be taken"


class TriedTooOften(DomainError):
    """Too many tries from one address. Facts: ``retry_after_seconds``."""

    kind = Kind.RATE_LIMITED
    code = "tried_too_often"
    title = "Too many tries"
