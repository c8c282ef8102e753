"""What an address is, which passwords are taken, what a code or a key looks like. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.config import Config, Mode
from surehold.identity import rules, secrets, totp
from surehold.identity.access_tokens import AccessTokens
from surehold.identity.errors import GrantTooWide, NotPermitted, TotpRequired
from surehold.identity.model import AccountKind, Principal
from surehold.identity.permissions import (
    EVERYTHING,
    NEW_STORE_ROLES,
    SENTENCES,
    Permission,
    authorize,
    check_grant,
    known,
)
from surehold.kernel.ids import AccountId, SessionId, new_id
from tools.write_permissions import PAGE, page

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Mara@Example.com", "mara@example.com", True),
        ("mara@exämple.de", "mara@xn--exmple-cua.de", True),
        ("bjo\u0308rn@example.com", "bj\u00f6rn@example.com", True),
        ("mara@example.com", "mara@example.org", False),
        ("mara.quinn@example.com", "maraquinn@example.com", False),
        ("mara+shop@example.com", "mara@example.com", False),
    ],
)
def test_one_mailbox_has_one_spelling(one: str, other: str, *, is_same: bool) -> None:
    assert (rules.read_mailbox(one).key == rules.read_mailbox(other).key) is is_same


@pytest.mark.parametrize("text", ["", "mara", "mara@", "@example.com", "a b@example.com", "a@b\n"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rules.read_mailbox(text)


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("quiet-harbor-lamp-41", []),
        ("пароль от дома", []),
        ("short", ["password_too_short"]),
        ("a" * 201, ["password_too_long"]),
        ("Password1234!", ["password_too_common"]),
        ("1234567890", ["password_too_common"]),
        ("aaaaaaaaaaaa", ["password_too_common"]),
        ("mara.quinn@example.com", ["password_is_email"]),
        ("mara.quinn1", ["password_is_email"]),
        ("mara.quinn went to sea in a boat", []),
    ],
)
def test_passwords_are_judged_by_length_and_by_what_guessers_know(
    password: str, codes: list[str]
) -> None:
    found = rules.password_faults(password, key="mara.quinn@example.com", at="/password")

    assert [fault.code for fault in found] == codes


@given(st.integers(1, 200))
def test_the_wait_never_shrinks_and_has_an_end(attempts: int) -> None:
    here, following = (rules.refusal_delay(n, rules.BY_PAIR) for n in (attempts, attempts + 1))

    assert timedelta(0) <= here <= following <= rules.LONGEST_DELAY


@given(st.data())
def test_a_mistyped_key_is_seen_without_asking_anybody(data: st.DataObject) -> None:
    key = secrets.new_api_key().key
    place = data.draw(st.integers(4, len(key) - 1))
    letter = data.draw(st.sampled_from("abcXYZ019"))

    assert secrets.is_api_key(key)
    assert secrets.is_api_key(key[:place] + letter + key[place + 1 :]) == (letter == key[place])


def test_a_code_is_of_its_step_and_one_to_either_side() -> None:
    secret = totp.new_secret()
    step = int(NOW.timestamp()) // 30
    found = {
        drift: totp.find_step(secret, pyotp.TOTP(secret).generate_otp(step + drift), NOW)
        for drift in (-2, -1, 0, 1, 2)
    }

    assert found == {-2: None, -1: step - 1, 0: step, 1: step + 1, 2: None}
    for text in ("", "12345", "1234567", "abcdef", "١٢٣٤٥٦"):
        assert totp.find_step(secret, text, NOW) is None


def test_a_token_is_signed_by_the_first_secret_and_read_by_all() -> None:
    session_id = SessionId(new_id())
    old = AccessTokens(("old-secret",), issuer="http://shop.test")
    token = old.make(account_id=new_id(), session_id=session_id, now=NOW)
    both = AccessTokens(("new-secret", "old-secret"), issuer="http://shop.test")

    found = both.find(token)

    assert found is not None
    assert (found.session_id, found.expires_at) == (session_id, NOW + timedelta(minutes=10))
    assert AccessTokens(("new-secret",), issuer="http://shop.test").find(token) is None
    assert AccessTokens(("old-secret",), issuer="http://other.test").find(token) is None


def test_a_forged_token_is_none() -> None:
    tokens = AccessTokens(("a-secret",), issuer="http://shop.test")
    real = tokens.make(account_id=new_id(), session_id=SessionId(new_id()), now=NOW)
    claims = jwt.decode(real, options={"verify_signature": False})
    kid = jwt.get_unverified_header(real)["kid"]
    forged = [
        jwt.encode(claims, "", "none", headers={"kid": kid}),
        jwt.encode(claims, "x" * 32, "HS256", headers={"kid": kid}),
        jwt.encode(claims, "x" * 32, "HS256"),
        real[:-2],
        real + "x" * 1_000,
        "a.b.c",
        "",
        "\udcff.x.y",
    ]

    assert tokens.find(real) is not None
    assert [tokens.find(token) for token in forged] == [None] * len(forged)


def test_every_permission_has_its_sentence_and_the_page_is_of_today() -> None:
    assert set(SENTENCES) == set(Permission) == EVERYTHING
    assert all(said.endswith(".") for said in SENTENCES.values())
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.write_permissions`"
    assert known(["staff.read", "of.a.later.version"]) == {Permission.STAFF_READ}


@given(st.sets(st.sampled_from(Permission)), st.sets(st.sampled_from(Permission)))
def test_nobody_grants_more_than_they_have(held: set[Permission], wanted: set[Permission]) -> None:
    principal = someone(held)
    if wanted <= held:
        check_grant(principal, wanted)
        return
    with pytest.raises(GrantTooWide) as refused:
        check_grant(principal, wanted)
    assert refused.value.facts["missing"] == sorted(one.value for one in wanted - held)


def test_a_permission_is_had_or_refused_by_name() -> None:
    *_, (_, _, permitted) = NEW_STORE_ROLES
    clerk = someone(set(permitted))

    authorize(clerk, Permission.REFUNDS_WRITE)
    with pytest.raises(NotPermitted) as refused:
        authorize(clerk, Permission.STAFF_WRITE)
    assert refused.value.facts == {"permission": "staff.write", "granted_by": "staff.write"}
    with pytest.raises(TotpRequired):
        authorize(someone(set(EVERYTHING), needs_totp=True), Permission.STAFF_READ)


def test_production_wants_a_mail_server_and_hashes_that_cost_something() -> None:
    weak = Config(_env_file=None, mode=Mode.PRODUCTION, argon2_memory_kib=8)
    fine = Config(_env_file=None, mode=Mode.PRODUCTION, mail_url="smtps://u:p@mail.test")

    assert [fault for fault in weak.list_faults() if "MAIL" in fault or "ARGON2" in fault] == [
        "SUREHOLD_MAIL_URL is not set: nobody would get a letter",
        "SUREHOLD_ARGON2_MEMORY_KIB × PASSES is too little work for a password",
    ]
    assert not [fault for fault in fine.list_faults() if "MAIL" in fault or "ARGON2" in fault]


def someone(held: set[Permission], *, needs_totp: bool = False) -> Principal:
    return Principal(
        AccountId(new_id()),
        AccountKind.STAFF,
        "x@example.com",
        "",
        None,
        frozenset(held),
        needs_totp=needs_totp,
    )
