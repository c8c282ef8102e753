"""Who works here and what they may, over HTTP. Nobody grants what they do not have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.identity import commands, queries
from surehold.identity.errors import (
    AccountNotFound,
    AddressTaken,
    GrantTooWide,
    LastAdmin,
    RoleExists,
    RoleNotFound,
)
from surehold.identity.model import AccountKind, Role, StaffMember
from surehold.identity.permissions import SENTENCES, Permission
from surehold.kernel.ids import AccountId, VendorId
from surehold.web.api.access import staff_of
from surehold.web.api.fields import Email, Line100
from surehold.web.api.identity.keys import PageQuery
from surehold.web.api.identity.shapes import PersonName
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id

_CREATED: Final = 201
_ROLE_EXAMPLE: Final = {
    "code": "night-shift",
    "name": "Night shift",
    "permissions": ["inventory.read", "orders.read"],
}

RoleCode = Annotated[
    str, Meta(min_length=1, max_length=50, pattern="^[a-z][a-z0-9_-]*$", examples=["support"])
]
RoleCodes = Annotated[list[RoleCode], Meta(max_length=50)]
Permissions = Annotated[list[Permission], Meta(max_length=100)]


class MemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is to work here; they are written a link to set a password."""

    email: Email
    name: PersonName
    kind: Literal["vendor", "staff", "admin"]
    roles: RoleCodes = msgspec.field(default_factory=list)
    vendor_id: UUID | None = None


class RolesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly the roles that somebody has from now on."""

    roles: RoleCodes


class ResetMemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the second factor is taken off as well: the authenticator was lost."""

    remove_totp: bool = False


class NewRoleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role."""

    code: RoleCode
    name: Line100
    permissions: Permissions


class RoleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a role is called and permits."""

    name: Line100
    permissions: Permissions


class MemberShape(msgspec.Struct, frozen=True):
    """Somebody who works here."""

    id: AccountId
    kind: AccountKind
    email: str
    name: str
    vendor_id: VendorId | None
    roles: tuple[str, ...]
    has_totp: bool
    created_at: datetime
    disabled_at: datetime | None


class MemberList(msgspec.Struct, frozen=True):
    """One page of whoever works here, by address."""

    items: tuple[MemberShape, ...]
    next_cursor: str | None


class RoleShape(msgspec.Struct, frozen=True):
    """A role, and what it permits."""

    code: str
    name: str
    permissions: tuple[str, ...]
    changed_by: str
    changed_at: datetime


class RoleList(msgspec.Struct, frozen=True):
    """One page of roles, by code."""

    items: tuple[RoleShape, ...]
    next_cursor: str | None


class PermissionShape(msgspec.Struct, frozen=True):
    """A permission, and what it is for."""

    permission: Permission
    about: str


class PermissionList(msgspec.Struct, frozen=True):
    """Every permission that there is."""

    items: tuple[PermissionShape, ...]


_PAGE: Final = Reader(PageQuery)
_MEMBER: Final = Reader(MemberBody)
_ROLES: Final = Reader(RolesBody)
_RESET: Final = Reader(ResetMemberBody)
_NEW_ROLE: Final = Reader(NewRoleBody)
_ROLE: Final = Reader(RoleBody)


@get(
    "/permissions",
    opt=describe(
        tag="staff",
        summary="List every permission",
        answer=PermissionList,
        permission=Permission.STAFF_READ,
        security=(STAFF,),
    ),
)
async def list_permissions() -> ApiResponse:
    """What can be permitted."""
    return answer(
        PermissionList(tuple(PermissionShape(one, said) for one, said in SENTENCES.items()))
    )


@get(
    "/roles",
    opt=describe(
        tag="staff",
        summary="List the roles",
        query=PageQuery,
        answer=RoleList,
        permission=Permission.STAFF_READ,
        security=(STAFF,),
    ),
)
async def list_roles(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What each permits."""
    wanted = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_roles(connection, cursor=wanted.cursor, limit=wanted.limit)
    return answer(RoleList(tuple(_role(row) for row in page.items), page.next_cursor))


@post(
    "/roles",
    opt=describe(
        tag="staff",
        summary="Add a role",
        body=NewRoleBody,
        body_example=_ROLE_EXAMPLE,
        answer=RoleShape,
        status=_CREATED,
        errors=(GrantTooWide, RoleExists),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def create_role(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """One more."""
    principal = staff_of(request)
    body, _ = await read_json(request, _NEW_ROLE)
    role = await commands.create_role(
        parts.identity,
        principal=principal,
        code=body.code,
        name=body.name,
        permissions=body.permissions,
    )
    return answer(_role(role), status=_CREATED)


@put(
    "/roles/{code:str}",
    opt=describe(
        tag="staff",
        summary="Change what a role permits",
        about="At once, for everybody who has it.",
        body=RoleBody,
        body_example={"name": "Night shift", "permissions": ["inventory.read"]},
        answer=RoleShape,
        errors=(GrantTooWide, RoleNotFound),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def change_role(
    request: ApiRequest, parts: NamedDependency[Parts], code: FromPath[str]
) -> ApiResponse:
    """As it should be."""
    principal = staff_of(request)
    body, _ = await read_json(request, _ROLE)
    if not code.isascii() or not code.isprintable():
        raise RoleNotFound("There is no role of this code.")
    role = await commands.change_role(
        parts.identity,
        principal=principal,
        code=code,
        name=body.name,
        permissions=body.permissions,
    )
    return answer(_role(role))


@get(
    "/staff",
    opt=describe(
        tag="staff",
        summary="List whoever works here",
        query=PageQuery,
        answer=MemberList,
        permission=Permission.STAFF_READ,
        security=(STAFF,),
    ),
)
async def list_members(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Vendors' staff, the shop's staff, admins; closed accounts too."""
    wanted = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_members(connection, cursor=wanted.cursor, limit=wanted.limit)
    return answer(MemberList(tuple(_member(row) for row in page.items), page.next_cursor))


@post(
    "/staff",
    opt=describe(
        tag="staff",
        summary="Add somebody who works here",
        body=MemberBody,
        body_example={
            "email": "ines@example.com",
            "name": "Ines Duarte",
            "kind": "staff",
            "roles": ["support"],
        },
        answer=MemberShape,
        status=_CREATED,
        errors=(GrantTooWide, RoleNotFound, AddressTaken),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def add_member(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """One more."""
    principal = staff_of(request)
    body, _ = await read_json(request, _MEMBER)
    member = await commands.add_member(
        parts.identity,
        principal=principal,
        email=body.email,
        name=body.name.strip(),
        kind=AccountKind(body.kind),
        roles=body.roles,
        vendor_id=None if body.vendor_id is None else VendorId(body.vendor_id),
    )
    return answer(_member(member), status=_CREATED)


@put(
    "/staff/{account_id:str}/roles",
    opt=describe(
        tag="staff",
        summary="Give somebody exactly these roles",
        body=RolesBody,
        body_example={"roles": ["support", "warehouse"]},
        answer=MemberShape,
        errors=(GrantTooWide, AccountNotFound, RoleNotFound),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def set_roles(
    request: ApiRequest, parts: NamedDependency[Parts], account_id: FromPath[str]
) -> ApiResponse:
    """These, and no others."""
    principal = staff_of(request)
    body, _ = await read_json(request, _ROLES)
    member = await commands.set_roles(
        parts.identity,
        principal=principal,
        account_id=_account_id(account_id),
        roles=body.roles,
    )
    return answer(_member(member))


@post(
    "/staff/{account_id:str}/disable",
    status_code=200,
    opt=describe(
        tag="staff",
        summary="Close somebody's account",
        about="Ends every session, revokes every key. A second time changes nothing.",
        answer=MemberShape,
        errors=(GrantTooWide, AccountNotFound, LastAdmin),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def disable_member(
    request: ApiRequest, parts: NamedDependency[Parts], account_id: FromPath[str]
) -> ApiResponse:
    """They work here no more."""
    principal = staff_of(request)
    member = await commands.disable_member(
        parts.identity, principal=principal, account_id=_account_id(account_id)
    )
    return answer(_member(member))


@post(
    "/staff/{account_id:str}/enable",
    status_code=200,
    opt=describe(
        tag="staff",
        summary="Open somebody's account again",
        about="What was ended or revoked stays so.",
        answer=MemberShape,
        errors=(GrantTooWide, AccountNotFound),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def enable_member(
    request: ApiRequest, parts: NamedDependency[Parts], account_id: FromPath[str]
) -> ApiResponse:
    """They are back."""
    principal = staff_of(request)
    member = await commands.enable_member(
        parts.identity, principal=principal, account_id=_account_id(account_id)
    )
    return answer(_member(member))


@post(
    "/staff/{account_id:str}/reset",
    status_code=200,
    opt=describe(
        tag="staff",
        summary="Let somebody set a new password",
        about="Ends every session; the old password opens nothing any more. They are written.",
        body=ResetMemberBody,
        is_body_optional=True,
        body_example={"remove_totp": True},
        answer=MemberShape,
        errors=(GrantTooWide, AccountNotFound),
        permission=Permission.STAFF_WRITE,
        security=(STAFF,),
    ),
)
async def reset_member(
    request: ApiRequest, parts: NamedDependency[Parts], account_id: FromPath[str]
) -> ApiResponse:
    """They begin anew."""
    principal = staff_of(request)
    body, _ = await read_json(request, _RESET, is_optional=True)
    member = await commands.reset_member(
        parts.identity,
        principal=principal,
        account_id=_account_id(account_id),
        is_factor_removed=body.remove_totp,
    )
    return answer(_member(member))


def _account_id(text: str) -> AccountId:
    found = parse_id(text)
    if found is None:
        raise AccountNotFound("There is no such member of staff.")
    return AccountId(found)


def _member(member: StaffMember) -> MemberShape:
    return MemberShape(*msgspec.structs.astuple(member))


def _role(role: Role) -> RoleShape:
    return RoleShape(*msgspec.structs.astuple(role))


HANDLERS: Final = (
    list_permissions,
    list_roles,
    create_role,
    change_role,
    list_members,
    add_member,
    set_roles,
    disable_member,
    enable_member,
    reset_member,
)
