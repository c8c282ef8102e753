"""Accounts over HTTP: signing in, one's own account, and who works here."""

from typing import Final

from surehold.web.api.identity import account, auth, factors, keys, saved, staff

HANDLERS: Final = (
    *auth.HANDLERS,
    *account.HANDLERS,
    *factors.HANDLERS,
    *keys.HANDLERS,
    *saved.HANDLERS,
    *staff.HANDLERS,
)

__all__ = ["HANDLERS"]
