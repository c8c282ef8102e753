"""What only the edge refuses: the rooms below never see these requests.

DomainError
├── Unauthenticated            401
├── ForeignPage                403
├── IdempotencyKeyInvalid      422
├── RequestInFlight            409
├── CountryNotFound            404
├── LinkInvalid                404
└── CartCurrencyDiffers        409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class Unauthenticated(DomainError):
    """The route needs a bearer secret, and none or another one was sent."""

    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    title = "Proof of who asks is required"


class ForeignPage(DomainError):
    """A browser's session was shown by a page that is not ours."""

    kind = Kind.FORBIDDEN
    code = "foreign_page"
    title = "This must come from our own pages"


class IdempotencyKeyInvalid(DomainError):
    """An ``Idempotency-Key`` has 1 to 200 printable ASCII characters."""

    kind = Kind.INVALID
    code = "idempotency_key_invalid"
    title = "The Idempotency-Key header is not valid"


class RequestInFlight(DomainError):
    """The first request with this key has not been answered yet; ask again for its answer."""

    kind = Kind.CONFLICT
    code = "request_in_flight"
    title = "The same request is being carried out"


class CartCurrencyDiffers(DomainError):
    """The cart counts in another currency than the request names. Nothing was added.

    Facts: ``currency``, the cart's own.
    """

    kind = Kind.CONFLICT
    code = "cart_currency_differs"
    title = "The cart counts in another currency"


class CountryNotFound(DomainError):
    """No country has this code of ISO 3166-1 alpha-2; codes are in capitals."""

    kind = Kind.NOT_FOUND
    code = "country_not_found"
    title = "No such country"


class LinkInvalid(DomainError):
    """The link of a letter is not one of ours, or was cut short."""

    kind = Kind.NOT_FOUND
    code = "link_invalid"
    title = "This link opens nothing"
