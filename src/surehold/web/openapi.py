"""The OpenAPI 3.1 document, built from what each route declares beside its handler.

A route's ``opt`` carries a ``Described``. Types become schemas by msgspec, which is what reads and
writes them, so the document cannot drift from the code; errors are the classes that are raised.
"""

from __future__ import annotations

import inspect as python_inspect
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from surehold.identity.errors import NotPermitted, SessionOver, TotpRequired
from surehold.identity.permissions import SENTENCES, Permission
from surehold.kernel.errors import Busy, DomainError, Fault, InvalidInput
from surehold.web.errors import ForeignPage, Unauthenticated
from surehold.web.problems import (
    PROBLEM,
    STATUS,
    TYPE_PREFIX,
    BodyTooLarge,
    BodyTooSlow,
    InternalFault,
    MalformedJson,
    ProtocolRefusal,
    StoreUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)

OPT: Final = "described"
JSON: Final = "application/json"
CART, ORDER, STAFF, CRON = "cart_token", "order_token", "staff", "cron"
WISHLIST: Final = "wishlist_token"
DRAFT: Final = "draft_token"
#: Whoever signed in: a program's token or key, a browser's cookie.
ACCOUNT, BROWSER = "account", "browser_session"

_REF: Final = "#/components/schemas/{name}"
_PATH_PARAMETER: Final = re.compile(r"\{([a-z_]+):[a-z]+\}")
_WITH_BODY: Final = (MalformedJson, BodyTooLarge, BodyTooSlow, UnsupportedMediaType, InvalidInput)
_ALWAYS: Final = (TooManyRequests, InternalFault, StoreUnavailable)
#: What a route that asks for a permission refuses, whatever it does.
_OF_STAFF: Final = (Unauthenticated, SessionOver, TotpRequired, NotPermitted, ForeignPage)


class Problem(msgspec.Struct):
    """RFC 9457 problem details, with the facts of the error beside the standard members."""

    type: str
    title: str
    status: int
    detail: str
    #: The request's id, as in the header X-Request-Id.
    instance: str
    code: str
    errors: list[Fault] | msgspec.UnsetType = msgspec.UNSET


class Header(msgspec.Struct, frozen=True):
    """A request header. ``is_free``: nothing that it says is refused."""

    name: str
    about: str
    is_required: bool = False
    is_free: bool = False


_HEADER: Final = {"type": "string", "minLength": 1, "maxLength": 200}
KEY: Final = Header(
    "Idempotency-Key",
    "1 to 200 printable ASCII characters. The same key and body get the same answer, byte for "
    "byte, for 24 hours; another body is refused with `idempotency_key_reused`.",
    is_required=True,
)
LANGUAGE: Final = Header(
    "Accept-Language",
    "The language to be written to in, where letters are written in it; otherwise the account's, "
    "which signing in with this header sets, and English last.",
    is_free=True,
)
OPTIONAL_KEY: Final = Header(KEY.name, KEY.about)


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What a route declares of itself."""

    tag: str
    summary: str
    about: str = ""
    body: Any = None
    is_body_optional: bool = False
    body_example: Any = None
    body_type: str = JSON
    query: Any = None
    answer: Any = None
    answer_type: str = JSON
    answer_example: Any = None
    #: Other forms of the same answer, as text, by ``Accept``.
    also_types: tuple[str, ...] = ()
    status: int = 200
    #: Other statuses with the same shape, and when they come.
    also: dict[int, str] = {}
    errors: tuple[type[DomainError | ProtocolRefusal], ...] = ()
    #: Statuses that differ from the table, by class.
    statuses: dict[type[Exception], int] = {}
    security: tuple[str, ...] = ()
    is_security_optional: bool = False
    #: What whoever works here needs; ``STAFF`` among the ways in goes with it, always.
    permission: Permission | None = None
    #: Whether vendors' staff may ask: the handler shows them their vendor's alone.
    is_vendor_scoped: bool = False
    headers: tuple[Header, ...] = ()

    def __post_init__(self) -> None:
        if (STAFF in self.security) != (self.permission is not None):
            raise TypeError(f"{self.summary!r}: a route for staff names its permission")
        if self.is_vendor_scoped and self.permission is None:
            raise TypeError(f"{self.summary!r}: vendors' staff need a permission, too")

    @property
    def ways_in(self) -> tuple[str, ...]:
        """Every way in, spelled out: staff sign in, bring a key, or are the operator."""
        if self.permission is None:
            return self.security
        others = tuple(name for name in self.security if name != STAFF)
        return (*others, ACCOUNT, BROWSER, STAFF)


TAGS: Final = MappingProxyType(
    {
        "catalog": "What is sold.",
        "cart": "What a buyer is considering. A cart reserves nothing.",
        "checkout": "From a basket to an order with its payment.",
        "orders": "What was promised. Guests show the order's access token.",
        "fulfillments": "Parcels. Staff only.",
        "payments": "Money in.",
        "gift-cards": "Gift cards and store credit.",
        "reconciliation": "What providers report, beside the books. Staff only.",
        "vendors": "What vendors sold, what they get, and when they are paid. Staff only.",
        "pricing": "What things cost: promotions, coupons, taxes, shipping. Staff only.",
        "inventory": "How many. Staff only.",
        "identity": "Accounts, and signing in to them.",
        "account": "What somebody who has signed in does with their own account.",
        "privacy": "What is kept about a person: handed out, and erased.",
        "staff": "Who works here, and what they may.",
        "webhooks": "What payment providers tell us.",
        "operations": "For whoever runs the store.",
    }
)

_SECURITY: Final = {
    CART: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Cart-Token",
        "description": "The `token` of the answer that created the cart. Browsers may send the "
        "cookie `surehold_cart` instead.",
    },
    WISHLIST: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Wishlist-Token",
        "description": "The `token` of the answer that began the list of wishes. Browsers may "
        "send the cookie `surehold_wishlist` instead.",
    },
    ORDER: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Order-Token",
        "description": "The `access_token` of the order; `?token=` does the same.",
    },
    DRAFT: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Draft-Token",
        "description": "The `token` of a draft order's payment link; `?token=` does the same.",
    },
    ACCOUNT: {
        "type": "http",
        "scheme": "bearer",
        "description": "An `access_token` of a sign-in, or an API key.",
    },
    BROWSER: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-surehold_session",
        "description": "What a sign-in with `session` set to `cookie` sets; without HTTPS it is "
        "called `surehold_session`. What changes something must come from our own pages.",
    },
    STAFF: {
        "type": "http",
        "scheme": "bearer",
        "description": "The operator's secret, which the deployment holds in its settings. It is "
        "permitted everything that staff can be permitted.",
    },
    CRON: {"type": "http", "scheme": "bearer", "description": "The secret of scheduled calls."},
}

_ABOUT: Final = """\
Amounts are whole minor units with their ISO 4217 currency. Instants are UTC. Ids are UUIDs.

Every refusal is a problem document (RFC 9457, `application/problem+json`) with a stable `code`.
`invalid_input` lists **every** fault in `errors`, each with a JSON pointer. Every answer carries
`X-Request-Id`; send your own (up to 64 letters, digits, `.`, `_`, `-`) to have it used.

Lists page by cursor: repeat the request with `cursor` set to the `next_cursor` of the last answer.
"""


def describe(**facts: Any) -> dict[str, Described]:
    """The ``opt`` of a route."""
    return {OPT: Described(**facts)}


def routes_of(app: Litestar) -> Iterator[tuple[str, str, Described | None]]:
    """Every route of an application: path, method and what it says of itself."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield route.path, method, handler.opt.get(OPT)


def template_of(path: str) -> str:
    """A path as OpenAPI writes it."""
    return _PATH_PARAMETER.sub(r"{\1}", path)


def build_document(app: Litestar, *, base_url: str, store_name: str) -> bytes:
    """The whole document as JSON."""
    routes = [(template_of(path), method, said) for path, method, said in routes_of(app) if said]
    types = [
        Problem,
        *(
            kind
            for *_, said in routes
            for kind in (said.body, said.answer)
            if kind not in {None, bytes}
        ),
    ]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    for said in (said for *_, said in routes if said.query is not None):
        # A query is spelled out as parameters; only what its fields refer to is a schema.
        _, parts = msgspec.json.schema_components([said.query], ref_template=_REF)
        schemas |= {name: part for name, part in parts.items() if name != said.query.__name__}
    paths: dict[str, dict[str, Any]] = {}
    for path, method, said in sorted(routes, key=lambda route: (route[0], route[1])):
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, said)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{store_name} store API",
            "version": version("surehold"),
            "summary": "Catalog, cart, checkout, orders, payments and inventory of one store.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": _SECURITY,
            "headers": {
                "X-Request-Id": {
                    "description": "The id under which the log knows this request.",
                    "schema": {"type": "string", "maxLength": 64},
                },
                "Retry-After": {
                    "description": "Seconds until it is worth asking again.",
                    "schema": {"type": "integer"},
                },
            },
        },
    }
    return msgspec.json.encode(document)


def _operation(path: str, method: str, said: Described) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(path, method),
        "tags": [said.tag],
        "summary": said.summary,
        "parameters": list(_parameters(path, said)),
        "responses": _responses(said),
    }
    about = "\n\n".join(part for part in (said.about, _permission_of(said)) if part)
    if about:
        operation["description"] = about
    if said.permission is not None:
        operation["x-permission"] = said.permission.value
    if said.body is not None:
        content: dict[str, Any] = {"schema": _schema(said.body)}
        if said.body_example is not None:
            content["example"] = said.body_example
        operation["requestBody"] = {
            "required": not said.is_body_optional,
            "content": {said.body_type: content},
        }
    if said.security:
        needed: list[dict[str, list[str]]] = [{name: []} for name in said.ways_in]
        operation["security"] = [{}, *needed] if said.is_security_optional else needed
    return operation


def _permission_of(said: Described) -> str:
    """What staff need, for people."""
    if said.permission is None:
        return ""
    needed = f"Staff need `{said.permission.value}`: {SENTENCES[said.permission].lower()}"
    return (
        f"{needed} Vendors' staff see their vendor's alone." if said.is_vendor_scoped else needed
    )


def _responses(said: Described) -> dict[str, Any]:
    found = {**_refusals(said), str(said.status): _success(said)}
    for status, when in said.also.items():
        found[str(status)] = {**_success(said), "description": when}
    return dict(sorted(found.items()))


def _operation_id(path: str, method: str) -> str:
    words = [word for word in re.split(r"[^a-z_]+", path.removeprefix("/api/v1")) if word]
    return "_".join([method.lower(), *(word.replace("-", "_") for word in words)])


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema


def _parameters(path: str, said: Described) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{([a-z_]+)\}", path):
        schema = (
            {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}
        )
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if said.query is not None:
        _, components = msgspec.json.schema_components([said.query], ref_template=_REF)
        own = components[said.query.__name__]
        for name, schema in own["properties"].items():
            yield {
                "name": name,
                "in": "query",
                "required": name in own.get("required", ()),
                "schema": schema,
                **({"description": schema["description"]} if "description" in schema else {}),
            }
    for header in said.headers:
        yield {
            "name": header.name,
            "in": "header",
            "required": header.is_required,
            "description": header.about,
            "schema": {"type": "string"} if header.is_free else _HEADER,
        }


def _success(said: Described) -> dict[str, Any]:
    is_named = isinstance(said.answer, type) and said.answer is not bytes
    about = python_inspect.getdoc(said.answer) if is_named else None
    response: dict[str, Any] = {
        "description": (about or said.summary).partition("\n")[0],
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }
    if said.answer is not None:
        # Bytes that are no text have no schema in OpenAPI 3.1; their media type says it all.
        content: dict[str, Any] = {} if said.answer is bytes else {"schema": _schema(said.answer)}
        if said.answer_example is not None:
            content["example"] = said.answer_example
        also = {kind: {"schema": {"type": "string"}} for kind in said.also_types}
        response["content"] = {said.answer_type: content, **also}
    return response


def _refusals(said: Described) -> dict[str, Any]:
    kinds = [*said.errors, *_ALWAYS]
    if said.permission is not None:
        kinds += _OF_STAFF
    if said.body is not None and said.body_type == JSON:
        kinds += _WITH_BODY
    elif said.query is not None:
        kinds.append(InvalidInput)
    by_status: dict[int, list[type[DomainError | ProtocolRefusal]]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(_status(kind, said), []).append(kind)
    return {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _status(kind: type[DomainError | ProtocolRefusal], said: Described) -> int:
    if kind in said.statuses:
        return said.statuses[kind]
    return STATUS[kind.kind] if issubclass(kind, DomainError) else kind.status


def _refusal(status: int, kinds: Iterable[type[DomainError | ProtocolRefusal]]) -> dict[str, Any]:
    listed = list(kinds)
    response: dict[str, Any] = {
        "description": "\n".join(f"- `{kind.code}`: {_first_line(kind)}" for kind in listed),
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {
            PROBLEM: {
                "schema": {"$ref": _REF.format(name="Problem")},
                "examples": {kind.code: {"value": _example(status, kind)} for kind in listed},
            }
        },
    }
    if status in {429, 503}:
        response["headers"]["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return response


def _first_line(kind: type[Any]) -> str:
    return (python_inspect.getdoc(kind) or kind.title).partition("\n")[0]


def _example(status: int, kind: type[DomainError | ProtocolRefusal]) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": TYPE_PREFIX + kind.code,
        "title": kind.title,
        "status": status,
        "detail": _first_line(kind),
        "instance": "5f0c1a2b-1f",
        "code": kind.code,
    }
    if kind is InvalidInput:
        example["errors"] = [
            {"pointer": "/lines/0/quantity", "code": "out_of_range", "detail": "From 1 to 999."}
        ]
    elif kind is Busy:
        example["retry_after_seconds"] = 1
    return example
