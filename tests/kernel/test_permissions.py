"""Who is asked for a permission: whoever sent the request, and nobody where none was sent."""

from __future__ import annotations

import asyncio

import pytest

from surehold.kernel.permissions import (
    Permission,
    require,
    require_of_staff,
    sent_by_anybody,
    sent_by_staff,
)


class Refused(Exception):
    pass


def refuse(permission: Permission) -> None:
    raise Refused(permission)


def only_reviews(permission: Permission) -> None:
    if permission is not Permission.REVIEWS_WRITE:
        raise Refused(permission)


def test_the_stores_own_work_is_not_asked() -> None:
    require(Permission.REFUNDS_WRITE)
    require_of_staff(Permission.REFUNDS_WRITE)


def test_a_request_of_which_nobody_is_known_has_what_is_buyers_alone() -> None:
    with sent_by_anybody(refuse):
        require_of_staff(Permission.RETURNS_WRITE)
        with pytest.raises(Refused):
            require(Permission.RETURNS_WRITE)

    require(Permission.RETURNS_WRITE)


def test_staff_have_what_they_are_permitted_until_their_request_ends() -> None:
    with sent_by_anybody(refuse):
        sent_by_staff(only_reviews)
        require(Permission.REVIEWS_WRITE)
        require_of_staff(Permission.REVIEWS_WRITE)
        for ask in (require, require_of_staff):
            with pytest.raises(Refused):
                ask(Permission.REFUNDS_WRITE)

    require(Permission.REFUNDS_WRITE)


async def test_one_request_is_not_asked_for_another() -> None:
    met = asyncio.Barrier(2)

    async def request(*, is_staff: bool) -> bool:
        with sent_by_anybody(refuse):
            if is_staff:
                sent_by_staff(only_reviews)
            await met.wait()
            try:
                require(Permission.REVIEWS_WRITE)
            except Refused:
                return False
            return True

    assert await asyncio.gather(request(is_staff=True), request(is_staff=False)) == [True, False]
