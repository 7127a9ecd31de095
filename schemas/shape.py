"""An Avro schema as a tree that is safe to read: nothing holds itself, and what repeats takes bytes."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_type_hints

from msgspec import NODEFAULT, Struct

from schemas.errors import Undecodable

DEPTH_MAX = 6
VALUES_MAX = 1000
"""A schema holds at most as many values, counted where they are used; each costs a line of a reader."""
ITEM_VALUES_MAX = 16
"""An item of an array or map holds at most as many values: items are counted, and all of them may be empty."""

PRIMITIVE_BYTES = {
    "null": 0,
    "boolean": 1,
    "int": 1,
    "long": 1,
    "float": 4,
    "double": 8,
    "bytes": 1,
    "string": 1,
}
"""The fewest bytes that a value of each type takes."""
MOMENTS = {"timestamp-micros", "timestamp-millis"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnreadableSchema(Undecodable):
    """The writer's schema is none, is not safe to read, or says something else than ours."""


class Shape(Struct, frozen=True, kw_only=True):
    """A type: a primitive, a moment (`timestamp-micros`), or one of record, enum, array, map, union, fixed."""

    kind: str
    name: str = ""
    """Without its namespace."""
    fields: tuple["Field", ...] = ()
    symbols: tuple[str, ...] = ()
    default: str | None = None
    """The symbol that others are read as."""
    branches: tuple["Shape", ...] = ()
    item: "Shape | None" = None
    """What an array or map holds."""
    size: int = 0
    """The bytes of a fixed."""
    bytes_min: int = 1
    """The fewest bytes a value takes."""
    values: int = 1
    """How many values it holds, one item of each array and map among them."""
    repeated: int = 1
    """How many values it holds without what arrays and maps hold: their items are counted as they are read."""
    depth: int = 0


class Field(Struct, frozen=True):
    """A field of a record."""

    name: str
    shape: Shape
    default: Any = NODEFAULT


def shape(schema: Any) -> Shape:
    """Returns the shape of a topic's schema.

    Raises UnreadableSchema with the first reason: no Avro schema of a record, a name that holds itself, a type within
    a type, deeper than DEPTH_MAX, arrays whose items take no bytes, more values than VALUES_MAX, or than
    ITEM_VALUES_MAX in an item. A reader of what passes takes no more steps than VALUES_MAX, and ITEM_VALUES_MAX for
    each item.
    """
    found = _Schema().shape(schema, "", 0)
    if found.kind != "record":
        raise UnreadableSchema(f"{found.kind}, not a record")
    return found


def classes(event: Any) -> dict[str, Any]:
    """Returns the event classes and enums that an event class holds, itself among them, by their names."""
    found: dict[str, Any] = {}
    if isinstance(event, type) and issubclass(event, Struct | Enum):
        found[event.__name__] = event
        if issubclass(event, Struct):
            for each in get_type_hints(event).values():
                found |= classes(each)
    for each in get_args(event):
        found |= classes(each)
    return found


class _Schema:
    """One schema: what it has named so far, by full name; None while its definition goes on."""

    def __init__(self) -> None:
        self._named: dict[str, Shape | None] = {}

    def shape(self, kind: Any, space: str, depth: int) -> Shape:
        if depth > DEPTH_MAX:
            raise UnreadableSchema(f"deeper than {DEPTH_MAX}")
        found = self._shape(kind, space, depth)
        if depth + found.depth > DEPTH_MAX:  # what is named may be named again further down
            raise UnreadableSchema(f"deeper than {DEPTH_MAX}")
        if found.values > VALUES_MAX:
            raise UnreadableSchema(f"more than {VALUES_MAX} values")
        return found

    def _shape(self, kind: Any, space: str, depth: int) -> Shape:
        if isinstance(kind, list):
            return self._union(kind, space, depth)
        if isinstance(kind, str):
            return _primitive(kind, None) or self._again(kind, space)
        if not isinstance(kind, Mapping) or not isinstance(kind.get("type"), str):
            raise UnreadableSchema("a type within a type" if isinstance(kind, Mapping) else f"{kind!r:.40} is no type")
        if known := _primitive(kind["type"], kind.get("logicalType")):
            return known
        if kind["type"] in ("array", "map"):
            return self._many(kind, space, depth)
        full, space = _full(kind, space)
        if full in self._named:
            raise UnreadableSchema(f"{full} is defined twice")
        self._named[full] = None
        found = self._named[full] = self._define(kind, full.rpartition(".")[2], space, depth)
        return found

    def _again(self, name: str, space: str) -> Shape:
        full = name if "." in name or not space or f"{space}.{name}" not in self._named else f"{space}.{name}"
        if full not in self._named:
            raise UnreadableSchema(f"{name!r:.40} is no type")
        found = self._named[full]
        if found is None:
            raise UnreadableSchema(f"{full} holds itself")
        return found

    def _union(self, kinds: list[Any], space: str, depth: int) -> Shape:
        if not kinds or any(isinstance(each, list) for each in kinds):
            raise UnreadableSchema("a union of nothing, or of unions")
        branches = tuple(self.shape(each, space, depth) for each in kinds)
        return Shape(
            kind="union",
            branches=branches,
            values=1 + sum(each.values for each in branches),
            repeated=1 + max(each.repeated for each in branches),
            depth=max(each.depth for each in branches),
        )

    def _many(self, kind: Mapping[str, Any], space: str, depth: int) -> Shape:
        item = self.shape(kind.get("items" if kind["type"] == "array" else "values"), space, depth + 1)
        if kind["type"] == "array" and not item.bytes_min:
            raise UnreadableSchema("an array of nothing")
        if item.repeated > ITEM_VALUES_MAX:
            raise UnreadableSchema(f"an item of more than {ITEM_VALUES_MAX} values")
        return Shape(kind=kind["type"], item=item, values=1 + item.values, depth=1 + item.depth)

    def _define(self, kind: Mapping[str, Any], name: str, space: str, depth: int) -> Shape:
        if kind["type"] == "record":
            fields = tuple(self._fields(kind.get("fields"), space, depth + 1))
            return Shape(
                kind="record",
                name=name,
                fields=fields,
                bytes_min=sum(each.shape.bytes_min for each in fields),
                values=1 + sum(each.shape.values for each in fields),
                repeated=1 + sum(each.shape.repeated for each in fields),
                depth=1 + max((each.shape.depth for each in fields), default=0),
            )
        if kind["type"] == "enum":
            symbols, default = kind.get("symbols"), kind.get("default")
            default = default if isinstance(default, str) else None
            if not isinstance(symbols, list) or not symbols or not all(isinstance(each, str) for each in symbols):
                raise UnreadableSchema(f"{name}: an enum without symbols")
            return Shape(kind="enum", name=name, symbols=tuple(symbols), default=default)
        if kind["type"] == "fixed":
            size = kind.get("size")
            if not isinstance(size, int) or size < 0:
                raise UnreadableSchema(f"{name}: a fixed without a size")
            return Shape(kind="fixed", name=name, size=size, bytes_min=size)
        raise UnreadableSchema(f"{kind['type']!r:.40} is no type")

    def _fields(self, fields: Any, space: str, depth: int) -> list[Field]:
        if not isinstance(fields, list) or not all(isinstance(each, Mapping) for each in fields):
            raise UnreadableSchema("a record without fields")
        found = [
            Field(_name(each), self.shape(each.get("type"), space, depth), each.get("default", NODEFAULT))
            for each in fields
        ]
        if len({each.name for each in found}) < len(found):
            raise UnreadableSchema("two fields of one name")
        return found


def _primitive(kind: str, logical: Any) -> Shape | None:
    if kind not in PRIMITIVE_BYTES:
        return None
    if kind == "long" and logical in MOMENTS:
        kind = str(logical)
    return Shape(kind=kind, bytes_min=PRIMITIVE_BYTES.get(kind, 1))


def _full(kind: Mapping[str, Any], space: str) -> tuple[str, str]:
    """Returns the full name of what is defined, and the namespace of what lies within it."""
    name, said = kind.get("name"), kind.get("namespace", space)
    if not isinstance(name, str) or not isinstance(said, str):
        raise UnreadableSchema(f"{kind['type']!r:.40} without a name")
    full = name if "." in name or not said else f"{said}.{name}"
    if not all(NAME.fullmatch(part) for part in full.split(".")):
        raise UnreadableSchema(f"{full!r:.40} is no name")
    return full, full.rpartition(".")[0]


def _name(field: Mapping[str, Any]) -> str:
    name = field.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UnreadableSchema(f"{name!r:.40} is no name of a field")
    return name
