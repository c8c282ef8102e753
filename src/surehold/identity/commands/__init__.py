"""Everything that changes accounts, sessions, secrets and roles. One module per group of verbs.

What is asked about an address that nobody has costs the same, and is answered the same, as about
one that somebody has: each such command says so, and a test counts its statements and hashes.
"""

from surehold.identity.commands.attempts import prune_attempts
from surehold.identity.commands.factors import (
    begin_totp,
    confirm_totp,
    remove_totp,
    renew_recovery_codes,
)
from surehold.identity.commands.failures import tell_failures
from surehold.identity.commands.keys import create_key, note_key_use, revoke_key
from surehold.identity.commands.letters import forget_token, prune_letters
from surehold.identity.commands.passwords import (
    ask_password_reset,
    change_password,
    reset_password,
)
from surehold.identity.commands.registering import (
    add_buyer,
    change_email,
    confirm_email,
    confirm_registration,
    register,
)
from surehold.identity.commands.saved import (
    change_address,
    claim_orders,
    delete_address,
    keep_language,
    save_address,
)
from surehold.identity.commands.sessions import (
    close_account,
    end_session,
    end_sessions,
    note_session_use,
    prune_sessions,
    refresh,
)
from surehold.identity.commands.signing_in import ask_magic_link, redeem_magic_link, sign_in
from surehold.identity.commands.staff import (
    add_member,
    change_role,
    create_role,
    disable_member,
    enable_member,
    found_roles,
    reset_member,
    set_roles,
)

__all__ = [
    "add_buyer",
    "add_member",
    "ask_magic_link",
    "ask_password_reset",
    "begin_totp",
    "change_address",
    "change_email",
    "change_password",
    "change_role",
    "claim_orders",
    "close_account",
    "confirm_email",
    "confirm_registration",
    "confirm_totp",
    "create_key",
    "create_role",
    "delete_address",
    "disable_member",
    "enable_member",
    "end_session",
    "end_sessions",
    "forget_token",
    "found_roles",
    "keep_language",
    "note_key_use",
    "note_session_use",
    "prune_attempts",
    "prune_letters",
    "prune_sessions",
    "redeem_magic_link",
    "refresh",
    "register",
    "remove_totp",
    "renew_recovery_codes",
    "reset_member",
    "reset_password",
    "revoke_key",
    "save_address",
    "set_roles",
    "sign_in",
    "tell_failures",
]
