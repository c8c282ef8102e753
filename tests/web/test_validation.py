"""The walk finds whatever the decoder refuses, and the quick look lets nothing bad pass."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec
import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.errors import DomainError, Fault, InvalidInput
from surehold.web.api.cart import AddBody, ChangeBody
from surehold.web.api.checkout import QuoteBody
from surehold.web.api.checkout_route import READER, CheckoutBody, read_placement
from surehold.web.api.fields import PLAIN_EMAIL
from surehold.web.api.inventory.levels import ReserveBody
from surehold.web.api.orders import RetryBody
from surehold.web.api.payments import ConfirmBody, IntentBody
from surehold.web.problems import MalformedJson, ProtocolRefusal
from surehold.web.validation import MAX_FAULTS, Reader, decode_anything, list_faults, parse_id
from tests.support.api import NOBODY, a_body

BODIES: Final = (
    AddBody,
    ChangeBody,
    CheckoutBody,
    ConfirmBody,
    IntentBody,
    QuoteBody,
    ReserveBody,
    RetryBody,
)
#: What checks and rules find in values that the decoder takes.
BEYOND_THE_DECODER: Final = {
    "blank",
    "cart_or_lines",
    "invalid_country",
    "invalid_currency",
    "invalid_email",
    "invalid_phone",
    "invalid_postal_code",
    "invalid_text",
    "missing",
    "out_of_range",
    "postal_code_elsewhere",
    "unknown_region",
}
VALID: Final = a_body(
    parse_id(NOBODY),  # type: ignore[arg-type]  # it is one
    billing_address={
        "name": "n",
        "line1": "l",
        "city": "c",
        "country": "DE",
        "line2": "",
        "region": "r",
        "postal_code": "10115",
        "phone": "030 901820",
        "company": "c",
    },
    cart_id=None,
    coupon=None,
    expected_total={"amount": 1, "currency": "EUR"},
    quote_id=NOBODY,
    received={"amount": 1, "currency": "EUR"},
    variant_id=NOBODY,
    order_id=NOBODY,
    quantity=1,
    ttl_seconds=9,
)

text = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [NOBODY, "EUR", "XXQ", "DE", "a@example.com", "a@b", "\0", "standard", " ", "\u0085", "1"]
    ),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.integers(-2, 1001),
    st.floats(allow_nan=False, allow_infinity=False),
    text,
)
names = st.one_of(st.sampled_from(sorted(VALID)), st.sampled_from(["amount", "country"]), text)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn, kind: type[Any] = CheckoutBody) -> Any:
    """A body that is right but for a few things, or nonsense altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    body = {name: VALID[name] for name in kind.__struct_fields__ if name in VALID}
    for _ in range(draw(st.integers(0, 3))):
        where, name = body, draw(st.sampled_from(sorted(VALID)))
        inner = body.get(name)
        if (
            isinstance(inner, list)
            and inner
            and isinstance(inner[0], dict)
            and draw(st.booleans())
        ):
            body[name] = [*inner, dict(inner[0])]
            where, name = body[name][-1], draw(st.sampled_from(["variant_id", "quantity", "x"]))
        elif isinstance(inner, dict) and inner and draw(st.booleans()):
            where = body[name] = dict(inner)
            name = draw(st.sampled_from(sorted(where)))
        if draw(st.booleans()):
            where[name] = draw(values)
        else:
            where.pop(name, None)
    return body


@st.composite
def kinds_and_bodies(draw: st.DrawFn) -> tuple[type[Any], Any]:
    kind = draw(st.sampled_from(BODIES))
    return kind, draw(bodies(kind))


def is_decodable(raw: bytes, kind: Any) -> bool:
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return False
    return True


def faults_told(raw: bytes) -> tuple[Fault, ...]:
    """What the reader of checkouts refuses, whichever way it went."""
    try:
        READER.read(raw)
    except InvalidInput as refusal:
        return refusal.faults
    return ()


@given(kinds_and_bodies())
def test_the_walk_and_the_decoder_agree(case: tuple[type[Any], Any]) -> None:
    kind, body = case
    raw = msgspec.json.encode(body)

    codes = {fault.code for fault in list_faults(raw, kind)}

    if is_decodable(raw, kind):
        assert codes <= BEYOND_THE_DECODER
    else:
        assert codes


@given(bodies())
def test_what_the_quick_look_lets_pass_has_no_fault(body: Any) -> None:
    raw = msgspec.json.encode(body)
    faults = list_faults(raw, CheckoutBody)

    assert faults_told(raw) == faults


@given(st.binary(max_size=200) | bodies().map(msgspec.json.encode))
def test_no_body_is_more_than_refused(raw: bytes) -> None:
    headers = {b"content-type": b"application/json", b"idempotency-key": b"k"}

    with contextlib.suppress(ProtocolRefusal, DomainError):
        placement = read_placement(raw, headers, default_currency="EUR")
        assert placement.key == "k"


@given(st.text(alphabet="abzAZ019._+-@", max_size=30) | st.emails())
def test_a_plain_address_is_one_that_the_library_takes_as_it_is(address: str) -> None:
    if PLAIN_EMAIL(address):
        found = validate_email(
            address, check_deliverability=False, test_environment=True, strict=True
        )
        assert found.normalized == address


@pytest.mark.parametrize(
    "address",
    [
        "mara@example.com",
        "first.last+tag@shop.example.co.uk",
        "a@" + "a" * 63 + ".com",
        "x@sub-domain.example.io",
    ],
)
def test_usual_addresses_need_no_second_look(address: str) -> None:
    assert PLAIN_EMAIL(address)


@pytest.mark.parametrize(
    "address",
    [
        "a@" + "a" * 64 + ".com",
        "a" * 65 + "@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@-a.com",
        "a@a-.com",
        "a@a--b.com",
        "a@example",
        "a@example.onion",
        "a b@example.com",
        "a@example.com\n",
        "ä@example.com",
    ],
)
def test_all_others_get_a_second_look(address: str) -> None:
    assert not PLAIN_EMAIL(address)


def test_a_pointer_escapes_what_pointers_are_made_of() -> None:
    faults = list_faults(b'{"a/b~c": 1, "variant_id": "%s"}' % NOBODY.encode(), AddBody)

    assert [fault.pointer for fault in faults] == ["/a~1b~0c"]


def test_a_large_body_of_nonsense_has_a_bounded_answer() -> None:
    raw = msgspec.json.encode({f"f{index}": index for index in range(5_000)})

    assert len(list_faults(raw, AddBody)) == MAX_FAULTS


def test_a_long_name_is_shown_in_part() -> None:
    faults = list_faults(msgspec.json.encode({"n" * 10_000: 1}), AddBody)

    assert max(len(fault.pointer) for fault in faults) == 101


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900])
def test_depth_is_no_way_in(raw: bytes) -> None:
    reader = Reader(AddBody)

    with pytest.raises((MalformedJson, InvalidInput)):
        reader.read(raw)


@pytest.mark.parametrize("raw", [b"1e999", b"9" * 400, b'"\\ud800"'])
def test_odd_values_are_read_to_be_told_of(raw: bytes) -> None:
    decode_anything(raw)

    with pytest.raises(InvalidInput):
        Reader(AddBody).read(b'{"variant_id": "%s", "quantity": %s}' % (NOBODY.encode(), raw))


@pytest.mark.parametrize("raw", ["{}".encode("utf-16"), b"9" * 5_000, b"Infinity", b"'a'"])
def test_what_json_is_not_is_not_read(raw: bytes) -> None:
    with pytest.raises(MalformedJson):
        decode_anything(raw)


def test_an_escaped_backslash_is_no_nul() -> None:
    body = {**VALID, "shipping_address": {**VALID["shipping_address"], "name": "a\\u0000"}}
    known = {name: value for name, value in body.items() if name in CheckoutBody.__struct_fields__}

    assert READER.read(msgspec.json.encode(known)).shipping_address.name == "a\\u0000"
