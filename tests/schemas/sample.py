"""An event class that holds every type Avro has, its schema, and values of any schema."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct, field

from tests.event_strategies import bodies

Schema = dict[str, Any]


class Sort(StrEnum):
    UNKNOWN = "unknown"
    A = "a"
    B = "b"


class Inner(Struct, frozen=True, kw_only=True):
    text: str
    sort: Sort = Sort.UNKNOWN
    more: dict[str, int] = field(default_factory=dict)


class Sample(Struct, frozen=True, kw_only=True):
    text: str
    raw: bytes
    flag: bool
    small: int
    large: int
    real: float
    at: datetime
    nothing: None
    mark: bytes
    sort: Sort
    inner: Inner
    inners: list[Inner]
    grid: list[list[int]]
    table: dict[str, dict[str, str]]
    maybe: str | None = None
    maybe_inner: Inner | None = None
    maybe_many: list[str | None] | None = None
    either: bool | int | str | list[int] | dict[str, bytes] | None = None
    other: float | bytes | Inner | None = None
    number: int = 7


def of(name: str, kind: Any, **more: Any) -> Schema:
    """A field of a schema."""
    return {"name": name, "type": kind, "doc": "It.", "pii": "none", **more}


SORT = {"type": "enum", "name": "Sort", "symbols": ["unknown", "a", "b"], "default": "unknown"}
INNER = {
    "type": "record",
    "name": "Inner",
    "fields": [
        of("text", "string"),
        of("sort", "Sort", default="unknown"),
        of("more", {"type": "map", "values": "long"}, default={}),
    ],
}
SAMPLE: Schema = {
    "type": "record",
    "name": "Sample",
    "namespace": "auterity",
    "fields": [
        of("text", "string"),
        of("raw", "bytes"),
        of("flag", "boolean"),
        of("small", "int"),
        of("large", "long"),
        of("real", "double"),
        of("at", {"type": "long", "logicalType": "timestamp-micros"}),
        of("nothing", "null"),
        of("mark", {"type": "fixed", "name": "Mark", "size": 4}),
        of("sort", SORT),
        of("inner", INNER),
        of("inners", {"type": "array", "items": "Inner"}),
        of("grid", {"type": "array", "items": {"type": "array", "items": "int"}}),
        of("table", {"type": "map", "values": {"type": "map", "values": "string"}}),
        of("maybe", ["null", "string"], default=None),
        of("maybe_inner", ["null", "Inner"], default=None),
        of("maybe_many", ["null", {"type": "array", "items": ["string", "null"]}], default=None),
        of(
            "either",
            [
                "null",
                "boolean",
                "int",
                "long",
                "string",
                {"type": "array", "items": "int"},
                {"type": "map", "values": "bytes"},
            ],
            default=None,
        ),
        of("other", ["null", "double", "bytes", "Inner"], default=None),
        of("number", "int", default=7),
    ],
}


def values(kind: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """The values of an Avro type, as Python has them: those of `bodies`, and of named, floating and fixed types."""
    named = {} if named is None else named
    if isinstance(kind, list):
        return st.one_of(*(values(each, named) for each in kind))
    if isinstance(kind, str):
        if kind in named:
            return values(named[kind], named)
        return st.floats(allow_nan=False, width=32) if kind in ("double", "float") else bodies(kind)
    if "name" in kind:
        named[kind["name"]] = kind
    if kind["type"] == "record":
        return st.fixed_dictionaries({each["name"]: values(each["type"], named) for each in kind["fields"]})
    if kind["type"] == "fixed":
        return st.binary(min_size=kind["size"], max_size=kind["size"])
    if kind["type"] == "array":
        return st.lists(values(kind["items"], named), max_size=3)
    if kind["type"] == "map":
        return st.dictionaries(st.text(max_size=8), values(kind["values"], named), max_size=3)
    return bodies(kind)
