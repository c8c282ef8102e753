"""What the identity room refuses.

DomainError
├── InvalidCredentials         401
├── CodeRequired               401
├── CodeInvalid                401
├── SessionOver                401
├── TotpRequired               403
├── NotPermitted               403
├── GrantTooWide               403
├── SessionNeeded              403
├── TokenInvalid               404
├── SessionNotFound            404
├── AccountNotFound            404
├── RoleNotFound               404
├── ApiKeyNotFound             404
├── SavedAddressNotFound       404
├── AddressTaken               409
├── OrderTaken                 409
├── RoleExists                 409
├── TotpAlreadyOn              409
├── TotpNotOn                  409
├── LastAdmin                  409
├── TooManyKept                409
└── TooManyAttempts            429
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class InvalidCredentials(DomainError):
    """The address and the password do not belong together. Whether either exists is not told."""

    kind = Kind.UNAUTHENTICATED
    code = "invalid_credentials"
    title = "This does not sign you in"


class CodeRequired(DomainError):
    """The password is right; a code of the second factor, or a recovery code, is needed too."""

    kind = Kind.UNAUTHENTICATED
    code = "code_required"
    title = "A code is required as well"


class CodeInvalid(DomainError):
    """The code is wrong, or was used before."""

    kind = Kind.UNAUTHENTICATED
    code = "code_invalid"
    title = "This code does not open anything"


class SessionOver(DomainError):
    """The token, cookie or key is none of ours, or its session has ended: sign in again."""

    kind = Kind.UNAUTHENTICATED
    code = "session_over"
    title = "You are not signed in"


class TotpRequired(DomainError):
    """The shop wants a second factor of you: set one up, and sign in with it."""

    kind = Kind.FORBIDDEN
    code = "totp_required"
    title = "A second factor is required"


class NotPermitted(DomainError):
    """You are known, and this is not for you.

    Facts: ``permission``, what is lacking, and ``granted_by``, the permission of who can grant it.
    """

    kind = Kind.FORBIDDEN
    code = "not_permitted"
    title = "This is not permitted to you"


class GrantTooWide(DomainError):
    """Nobody grants what they do not have. Facts: ``missing``."""

    kind = Kind.FORBIDDEN
    code = "grant_too_wide"
    title = "You cannot grant what you do not have"


class SessionNeeded(DomainError):
    """A key of a program cannot do this: sign in as a person."""

    kind = Kind.FORBIDDEN
    code = "session_needed"
    title = "Only a person who signed in can do this"


class TokenInvalid(DomainError):
    """The link of a letter was used, is too old, gave way to a later one, or is none of ours."""

    kind = Kind.NOT_FOUND
    code = "token_invalid"
    title = "This link opens nothing any more"


class SessionNotFound(DomainError):
    """There is no such session of yours, or it has ended."""

    kind = Kind.NOT_FOUND
    code = "session_not_found"
    title = "No such session"


class AccountNotFound(DomainError):
    """There is no such account."""

    kind = Kind.NOT_FOUND
    code = "account_not_found"
    title = "No such account"


class RoleNotFound(DomainError):
    """There is no such role."""

    kind = Kind.NOT_FOUND
    code = "role_not_found"
    title = "No such role"


class ApiKeyNotFound(DomainError):
    """There is no such key of yours."""

    kind = Kind.NOT_FOUND
    code = "api_key_not_found"
    title = "No such key"


class SavedAddressNotFound(DomainError):
    """There is no such address of yours."""

    kind = Kind.NOT_FOUND
    code = "saved_address_not_found"
    title = "No such address"


class AddressTaken(DomainError):
    """Another account has this e-mail address; told only to who has proven that it is theirs."""

    kind = Kind.CONFLICT
    code = "email_taken"
    title = "Another account has this e-mail address"


class OrderTaken(DomainError):
    """Another account has this order."""

    kind = Kind.CONFLICT
    code = "order_taken"
    title = "Another account has this order"


class RoleExists(DomainError):
    """There is a role of this code already."""

    kind = Kind.CONFLICT
    code = "role_exists"
    title = "There is such a role already"


class TotpAlreadyOn(DomainError):
    """A second factor is set up; take it off before another one is."""

    kind = Kind.CONFLICT
    code = "totp_already_on"
    title = "A second factor is set up already"


class TotpNotOn(DomainError):
    """No second factor is set up, or none waits to be confirmed."""

    kind = Kind.CONFLICT
    code = "totp_not_on"
    title = "There is no second factor"


class LastAdmin(DomainError):
    """A store keeps one admin who can sign in."""

    kind = Kind.CONFLICT
    code = "last_admin"
    title = "This is the last admin"


class TooManyKept(DomainError):
    """There are as many as an account may have. Facts: ``limit``."""

    kind = Kind.CONFLICT
    code = "too_many_kept"
    title = "There are too many already"


class TooManyAttempts(DomainError):
    """Too many attempts failed; wait. Facts: ``retry_after_seconds``."""

    kind = Kind.RATE_LIMITED
    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds
