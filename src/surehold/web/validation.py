"""Reading what comes in: every fault of it at once, each with a JSON pointer.

msgspec decodes fast and stops at the first fault. When it refuses, or a quick look finds something
suspicious, the slow walk here reads the same bytes again and lists everything that is wrong. The
walk is the only place that words a fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Generic, NoReturn, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import inspect

from surehold.kernel.errors import Fault, InvalidInput
from surehold.web.problems import MalformedJson

T = TypeVar("T")

#: More faults than anybody reads; it bounds the answer to a large body of nonsense.
MAX_FAULTS: Final = 500
MAX_PARAMETERS: Final = 50
_MAX_NAME: Final = 100

#: Says what is wrong with a text as (code, detail), or ``None``: ``Meta(extra={"check": …})``.
Check = Callable[[str], tuple[str, str] | None]

#: Escapes that can smuggle in what no text may have: NUL, and halves of surrogate pairs.
SUSPICIOUS: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])").search
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,20}").fullmatch
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}").fullmatch
_TRUTHS: Final = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


class Reader(Generic[T]):
    """Reads bodies of one type. Types are structs that refuse unknown fields.

    A struct may have a static method ``rule_faults(raw, pointer)``: it is given the object as it
    came and yields what is wrong between fields. ``is_fine`` may save the walk for a value that
    was decoded: it must be sure, for nothing else looks at checks and rules then.
    """

    def __init__(self, kind: type[T], *, is_fine: Callable[[T], bool] | None = None) -> None:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        self.kind = kind
        self._info = info
        self._decode = msgspec.json.Decoder(kind).decode
        self._is_fine = is_fine

    def read(self, raw: bytes) -> T:
        """The value.

        Raises:
            MalformedJson: It is not JSON.
            InvalidInput: Lists every fault.
        """
        try:
            value = self._decode(raw)
        except (ValueError, RecursionError) as error:
            refuse(list_faults(raw, self.kind), otherwise=error)
        if SUSPICIOUS(raw) or self._is_fine is None or not self._is_fine(value):
            faults = list_faults(raw, self.kind)
            if faults:
                raise InvalidInput(faults)
        return value

    def read_query(self, query: bytes) -> T:
        """The value of a query string: every parameter is text, and none may come twice.

        Raises:
            InvalidInput: Lists every fault.
        """
        given, faults = _parameters(query)
        values = _read_numbers(given, self._info)
        _walk(values, self._info, "", faults)
        if faults:
            raise InvalidInput(tuple(faults[:MAX_FAULTS]))
        try:
            return msgspec.convert(values, self.kind)
        except msgspec.ValidationError as error:
            refuse((), otherwise=error)


def list_faults(raw: bytes, kind: Any) -> tuple[Fault, ...]:
    """Everything that is wrong with a body that should be of a type; nothing when all is well.

    Raises:
        MalformedJson: It is not JSON at all.
    """
    faults: list[Fault] = []
    try:
        _walk(decode_anything(raw), _info_of(kind), "", faults)
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    return tuple(faults[:MAX_FAULTS])


@cache
def _info_of(kind: Any) -> inspect.Type:
    # Looking at a type costs more than walking a body of it, and types are few.
    return inspect.type_info(kind)


def refuse(faults: tuple[Fault, ...], *, otherwise: Exception) -> NoReturn:
    """Raise the faults; where the walk found none, what the decoder said.

    Raises:
        InvalidInput: Always.
    """
    raise InvalidInput(faults or (Fault("", "invalid", _printable(str(otherwise))),))


def decode_anything(raw: bytes) -> Any:
    """JSON as plain Python values. Lone surrogates and huge numbers are let through to be told of.

    Raises:
        MalformedJson: It is not JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    except ValueError:
        raise MalformedJson("The body cannot be read as JSON in UTF-8.") from None


def is_clean(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _parameters(query: bytes) -> tuple[dict[str, str], list[Fault]]:
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        return {}, [Fault("", "too_many", f"At most {MAX_PARAMETERS} parameters.")]
    given: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in pairs:
        if name in given:
            faults.append(Fault(_step("", name), "repeated", "It is given more than once."))
        given[name] = value
    return given, faults


def _read_numbers(given: Mapping[str, str], info: inspect.StructType) -> dict[str, Any]:
    """Parameters with whole numbers and truth values read; what is neither stays text."""
    values: dict[str, Any] = dict(given)
    for field in info.fields:
        text = given.get(field.encode_name)
        if text is None:
            continue
        kind = _bare(field.type)
        members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        kinds = {type(_bare(member)) for member in members}
        if inspect.IntType in kinds and _WHOLE_NUMBER(text):
            values[field.encode_name] = int(text)
        elif inspect.BoolType in kinds and text in _TRUTHS:
            values[field.encode_name] = _TRUTHS[text]
    return values


def _step(at: str, name: str) -> str:
    shown = _printable(name[:_MAX_NAME])
    return f"{at}/{shown.replace('~', '~0').replace('/', '~1')}"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


# --- The walk -----------------------------------------------------------------------------------


def _walk(value: Any, kind: inspect.Type, at: str, faults: list[Fault]) -> None:
    """Add what is wrong with a value of plain Python types."""
    if len(faults) >= MAX_FAULTS:
        return
    check: Check | None = None
    while isinstance(kind, inspect.Metadata):
        check = (kind.extra or {}).get("check", check)
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        _walk_union(value, kind, at, faults)
        return
    look = _LOOKS.get(type(kind))
    if look is None:
        return  # a type that no request has; the decoder's own word will do
    before = len(faults)
    look(value, kind, at, faults)
    if check is not None and len(faults) == before:
        fault = check(value)
        if fault is not None:
            faults.append(Fault(at, *fault))


def _walk_union(value: Any, kind: inspect.UnionType, at: str, faults: list[Fault]) -> None:
    members = [_bare(member) for member in kind.types]
    for member, bare in zip(kind.types, members, strict=True):
        if _accepts(value, bare):
            _walk(value, member, at, faults)
            return
    names = sorted({_NAMES.get(type(bare), "value") for bare in members})
    faults.append(_wrong(at, " or ".join(names), value))


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _accepts(value: Any, kind: inspect.Type) -> bool:
    """Whether the JSON type of a value is the one that a type is written in."""
    python = _PYTHON.get(type(kind))
    if python is None:
        return True
    return isinstance(value, python) and (python is bool or not isinstance(value, bool))


def _wrong(at: str, wanted: str, value: Any) -> Fault:
    return Fault(at, "wrong_type", f"Expected {wanted}, got {_name_of(value)}.")


def _name_of(value: Any) -> str:
    if value is None:
        return "null"
    return _JSON_NAMES.get(type(value), "a value")


def _look_at_struct(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, Mapping):
        faults.append(_wrong(at, "an object", value))
        return
    known = {field.encode_name: field for field in kind.fields}
    for name, field in known.items():
        if name in value:
            _walk(value[name], field.type, _step(at, name), faults)
        elif field.required:
            faults.append(Fault(_step(at, name), "missing", "This field is required."))
    if kind.forbid_unknown_fields:
        # A tagged struct's tag is no field of its own.
        for name in value:
            if name not in known and name != kind.tag_field and len(faults) < MAX_FAULTS:
                faults.append(Fault(_step(at, name), "unknown_field", "There is no such field."))
    rules: Callable[[Mapping[str, Any], str], Iterable[Fault]] | None
    rules = getattr(kind.cls, "rule_faults", None)
    if rules is not None:
        faults.extend(rules(value, at))


def _look_at_array(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, list):
        faults.append(_wrong(at, "an array", value))
        return
    least, most = kind.min_length or 0, kind.max_length
    if len(value) < least or (most is not None and len(value) > most):
        faults.append(Fault(at, "wrong_count", f"From {least} to {most} of them."))
        value = value[:most]
    for index, item in enumerate(value):
        _walk(item, kind.item_type, f"{at}/{index}", faults)


def _look_at_text(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, str):
        faults.append(_wrong(at, "a string", value))
    elif not is_clean(value):
        faults.append(Fault(at, "invalid_text", "NUL and halves of surrogate pairs are not text."))
    elif kind.min_length is not None and len(value) < kind.min_length:
        faults.append(Fault(at, "too_short", f"At least {kind.min_length} characters."))
    elif kind.max_length is not None and len(value) > kind.max_length:
        faults.append(Fault(at, "too_long", f"At most {kind.max_length} characters."))
    elif kind.pattern is not None and not re.search(kind.pattern, value):
        faults.append(Fault(at, "invalid_format", f"It does not match {kind.pattern}"))


def _look_at_number(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        faults.append(_wrong(at, "a whole number", value))
    elif (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
        faults.append(Fault(at, "out_of_range", f"From {kind.ge} to {kind.le}."))


def _look_at_truth(value: Any, _: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, bool):
        faults.append(_wrong(at, "true or false", value))


def _look_at_uuid(value: Any, _: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, str):
        faults.append(_wrong(at, "a string", value))
    elif not _UUID(value):
        faults.append(Fault(at, "invalid_id", "An id is a UUID in lower-case letters."))


def _look_at_choice(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    if not isinstance(value, str):
        faults.append(_wrong(at, "a string", value))
    elif value not in kind.values:
        faults.append(Fault(at, "invalid_choice", f"One of {', '.join(kind.values)}."))


def _look_at_member(value: Any, kind: Any, at: str, faults: list[Fault]) -> None:
    values = [str(member.value) for member in kind.cls]
    if not isinstance(value, str):
        faults.append(_wrong(at, "a string", value))
    elif value not in values:
        faults.append(Fault(at, "invalid_choice", f"One of {', '.join(values)}."))


def _look_at_null(value: Any, _: Any, at: str, faults: list[Fault]) -> None:
    if value is not None:
        faults.append(_wrong(at, "null", value))


_LOOKS: Final[Mapping[type[inspect.Type], Callable[[Any, Any, str, list[Fault]], None]]] = (
    MappingProxyType(
        {
            inspect.StructType: _look_at_struct,
            inspect.ListType: _look_at_array,
            inspect.VarTupleType: _look_at_array,
            inspect.StrType: _look_at_text,
            inspect.IntType: _look_at_number,
            inspect.BoolType: _look_at_truth,
            inspect.UUIDType: _look_at_uuid,
            inspect.LiteralType: _look_at_choice,
            inspect.EnumType: _look_at_member,
            inspect.NoneType: _look_at_null,
        }
    )
)
_PYTHON: Final[Mapping[type[inspect.Type], type]] = MappingProxyType(
    {
        inspect.StructType: dict,
        inspect.ListType: list,
        inspect.VarTupleType: list,
        inspect.StrType: str,
        inspect.IntType: int,
        inspect.BoolType: bool,
        inspect.UUIDType: str,
        inspect.LiteralType: str,
        inspect.EnumType: str,
        inspect.NoneType: type(None),
    }
)
_NAMES: Final[Mapping[type[inspect.Type], str]] = MappingProxyType(
    {
        inspect.StructType: "an object",
        inspect.ListType: "an array",
        inspect.VarTupleType: "an array",
        inspect.StrType: "a string",
        inspect.IntType: "a whole number",
        inspect.BoolType: "true or false",
        inspect.UUIDType: "a string",
        inspect.LiteralType: "a string",
        inspect.EnumType: "a string",
        inspect.NoneType: "null",
    }
)
_JSON_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        str: "a string",
        int: "a whole number",
        float: "a number with a fraction",
        bool: "true or false",
        list: "an array",
        dict: "an object",
    }
)


def parse_id(text: str) -> UUID | None:
    """A UUID as it is written in an address, or ``None``."""
    return UUID(text) if _UUID(text) else None
