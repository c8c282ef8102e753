"""The cart room's failures. Two come from below: ``InsufficientStock`` and ``NotForSale``.

DomainError
├── CartNotFound        404
├── CartLineNotFound    404
├── CartFull            409
├── WishlistNotFound    404
├── WishNotFound        404
└── WishlistFull        409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class CartNotFound(DomainError):
    """No such cart, or not with this token: the two look the same."""

    kind = Kind.NOT_FOUND
    code = "cart_not_found"
    title = "No such cart"


class CartLineNotFound(DomainError):
    """The cart has no such line; it may have been removed in another tab."""

    kind = Kind.NOT_FOUND
    code = "cart_line_not_found"
    title = "No such line in the cart"


class CartFull(DomainError):
    """The cart holds as many lines, or as many units of one line, as a cart may. Nothing changed.

    Facts: ``limit``, and ``requested`` where the limit is one of units.
    """

    kind = Kind.CONFLICT
    code = "cart_full"
    title = "The cart is full"


class WishlistNotFound(DomainError):
    """No such list of wishes, or not with this token: the two look the same."""

    kind = Kind.NOT_FOUND
    code = "wishlist_not_found"
    title = "No such list of wishes"


class WishNotFound(DomainError):
    """The list has no such wish; it may have been taken off in another tab."""

    kind = Kind.NOT_FOUND
    code = "wish_not_found"
    title = "No such wish on the list"


class WishlistFull(DomainError):
    """The list has as many wishes as a list may have. Nothing changed. Facts: ``limit``."""

    kind = Kind.CONFLICT
    code = "wishlist_full"
    title = "The list of wishes is full"
