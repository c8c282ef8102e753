"""The API's own document, and the page that shows it without a script from anywhere else."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from surehold.config import Config
from surehold.web.api.wire import JSON, REVALIDATE, ApiRequest, ApiResponse
from surehold.web.assets import AssetIndex
from surehold.web.openapi import build_document, describe
from surehold.web.templating import build_environment, render_page

OPENAPI: Final = "/api/openapi.json"
#: Swagger UI writes style attributes and shows small pictures as data; it runs no inline script.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def reference_handlers(config: Config, index: AssetIndex) -> tuple[HTTPRouteHandler, ...]:
    """The two routes. The document is built when it is first asked for, then kept."""
    known: dict[str, bytes] = {}
    page = render_page(
        build_environment(index.url),
        "api_docs.html",
        openapi_url=OPENAPI,
        store_name=config.store_name,
    ).encode()

    @get(
        OPENAPI,
        opt=describe(tag="operations", summary="This document", answer=dict[str, Any]),
    )
    async def show_document(request: ApiRequest) -> ApiResponse:
        """Show the OpenAPI document."""
        if OPENAPI not in known:
            known[OPENAPI] = build_document(
                request.app, base_url=config.base_url, store_name=config.store_name
            )
        return Response(known[OPENAPI], media_type=JSON, headers={"cache-control": REVALIDATE})

    @get(
        "/api/docs",
        opt=describe(
            tag="operations",
            summary="The reference as a page",
            answer=str,
            answer_type="text/html",
        ),
    )
    async def show_page() -> ApiResponse:
        """Show the document as a page."""
        return Response(
            page,
            media_type="text/html",
            headers={"cache-control": REVALIDATE, "content-security-policy": POLICY},
        )

    return (show_document, show_page)
