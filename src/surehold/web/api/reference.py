"""The API's own document, and the page that shows it without a script from anywhere else."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from surehold.web.api.parts import Parts
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


def reference_handlers(index: AssetIndex) -> tuple[HTTPRouteHandler, ...]:
    """The two routes. The document is built when a shop is first asked for it, then kept."""
    known: dict[tuple[str, str], bytes] = {}
    environment = build_environment(index.url)

    @get(
        OPENAPI,
        opt=describe(tag="operations", summary="This document", answer=dict[str, Any]),
    )
    async def show_document(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
        """Show the OpenAPI document."""
        shop = parts.config.base_url, parts.config.store_name
        if shop not in known:
            base_url, store_name = shop
            known[shop] = build_document(request.app, base_url=base_url, store_name=store_name)
        return Response(known[shop], media_type=JSON, headers={"cache-control": REVALIDATE})

    @get(
        "/api/docs",
        opt=describe(
            tag="operations",
            summary="The reference as a page",
            answer=str,
            answer_type="text/html",
        ),
    )
    async def show_page(parts: NamedDependency[Parts]) -> ApiResponse:
        """Show the document as a page."""
        store_name = parts.config.store_name
        return Response(
            render_page(
                environment, "api_docs.html", openapi_url=OPENAPI, store_name=store_name
            ).encode(),
            media_type="text/html",
            headers={"cache-control": REVALIDATE, "content-security-policy": POLICY},
        )

    return (show_document, show_page)
