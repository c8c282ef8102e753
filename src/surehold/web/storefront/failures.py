"""Errors as pages: every status has words, a request id to copy, and a way on. Never JSON."""

from __future__ import annotations

from typing import Final

from surehold.kernel.errors import DomainError
from surehold.web.problems import problem_of
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.views import ErrorView
from surehold.web.storefront.visit import StoreRequest
from surehold.web.translations import gettext, gettext_noop

_SERVER_FAULT: Final = 500
#: Refusals of ours whose sentence is meant for the visitor.
_SAID: Final = frozenset({403, 409})
#: What those say that are met here. They know no pages and speak English.
_SENTENCES: Final = frozenset(
    {
        gettext_noop(
            "The page was open for too long, or cookies are off. Go back, reload, try again."
        ),
        gettext_noop("The store has taken this order back."),
        gettext_noop("This draft order was canceled."),
        gettext_noop("The link has expired. Ask the store for another."),
    }
)


def error_page(store: Store, request: StoreRequest, error: Exception) -> Page:
    """The page for a failure. What nobody foresaw is logged by ``problem_of``, once.

    Reads nothing: it shows the menu and the cart as the failed page had found them.
    """
    visit = store.greet(request)
    reply = problem_of(error, request_id=visit.request_id)
    headers = {name: value for name, value in reply.headers if name in {"retry-after", "allow"}}
    after = headers.get("retry-after") or _wait_of(error)
    can_retry = visit.method == "GET" and reply.status >= _SERVER_FAULT
    view = ErrorView(
        status=reply.status,
        detail=_words_of(error) if reply.status in _SAID else "",
        retry_after_seconds=int(after) if after is not None and after.isdigit() else None,
        retry_url=visit.here if can_retry else None,
    )
    if after is not None:
        headers["retry-after"] = after
    visit.is_partial = False
    return store.page(
        visit,
        "store/error.html",
        view,
        status=reply.status,
        path="/" if visit.method != "GET" else None,
        cache=NO_STORE,
        headers=headers,
    )


def _words_of(error: Exception) -> str:
    if not isinstance(error, DomainError):
        return ""
    return gettext(error.detail) if error.detail in _SENTENCES else error.detail


def _wait_of(error: Exception) -> str | None:
    if not isinstance(error, DomainError):
        return None
    wait = error.facts.get("retry_after_seconds")
    return None if wait is None else str(wait)
