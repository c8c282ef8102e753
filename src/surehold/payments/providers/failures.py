"""What can go wrong between us and a provider, in our words: each adapter raises nothing else."""

from __future__ import annotations


class ProviderFailure(Exception):
    """A call to a provider did not do what was asked. ``is_retryable``: with the same key."""

    is_retryable = False

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class Declined(ProviderFailure):
    """The issuer or wallet said no."""


class InvalidRequest(ProviderFailure):
    """We built the request wrongly, or broke one of the provider's limits."""


class ConfigurationFault(ProviderFailure):
    """A bad key, the wrong mode, a feature not switched on: an operator must look."""


class NotFound(ProviderFailure):
    """The provider knows nothing under this id."""


class StateConflict(ProviderFailure):
    """Not allowed in the payment's present state: read it again."""


class AmountRefused(ProviderFailure):
    """More than is left, or another currency."""


class Unsupported(ProviderFailure):
    """This provider has no such operation: its capabilities say so before anybody asks."""


class RateLimited(ProviderFailure):
    """Too many calls; nothing happened."""

    is_retryable = True


class Unavailable(ProviderFailure):
    """The request was never accepted: connection refused, or refused before any work."""

    is_retryable = True


class OutcomeUnknown(ProviderFailure):
    """The request may have been carried out: time-out or reset after sending, a 5xx, nonsense.

    Never repeated blindly: the same key and bytes, or a look-up by reference first.
    """


class WebhookRefused(Exception):
    """A webhook without valid proof: forged, stale, re-encoded or malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
