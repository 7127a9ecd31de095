"""Writers of one schema each, compiled to Python source: event classes straight into Avro bodies."""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import msgspec
from msgspec.structs import fields

from schemas import wire
from schemas.catalogue import ITEMS_MAX
from schemas.errors import Rejected, TooLarge
from schemas.events import Event
from schemas.shape import Shape, classes, shape

Writer = Callable[[Event, bytes], bytes]

WRITERS_MAX = 64
"""Writers kept compiled in a process, whatever codecs it makes."""
WRONG = (AttributeError, KeyError, OverflowError, struct.error, TypeError, ValueError)


class Unwritable(Rejected):
    """The event holds what its schema has no place for."""


def compile_writer(own: Mapping[str, Any], event: type) -> Writer:
    """Returns the function that writes an event of this class behind some first bytes.

    It writes an array or map as one block, a map in the order of its entries. It raises TooLarge at more than
    ITEMS_MAX items, and Unwritable at a value that the schema has no place for, a moment without a zone among them.
    """
    return _compiled(json.dumps(own), event)


@lru_cache(WRITERS_MAX)
def _compiled(own: str, event: type) -> Writer:
    source = _Source(event)
    source.put("def write(event, first):")
    with source.deeper():
        source.put("items = 0", "try:")
        with source.deeper():
            parts = source.parts(shape(json.loads(own)), "event")
            source.put("return b''.join([first, " + ", ".join(parts) + "])")
        source.put("except WRONG as error:", "    raise unwritable(event, error) from error")
    names = {**NAMES, **source.names}
    exec(compile("\n".join(source.lines), f"<writer of {event.__name__}>", "exec"), names)
    write: Writer = names["write"]
    return write


def refuse(value: Any) -> NoReturn:
    """Raises TypeError, for an expression to call at what it has no place for."""
    raise TypeError(f"{type(value).__name__} is none of the schema's types there")


def too_many(items: int) -> NoReturn:
    """Raises TooLarge."""
    raise TooLarge(f"an event of {items} items in arrays and maps, more than {ITEMS_MAX}")


def unwritable(event: Any, error: Exception) -> Unwritable:
    """Returns what to raise for an event that could not be written: with the field, when its class tells it."""
    reason: Exception = error
    try:
        msgspec.convert(msgspec.to_builtins(event, builtin_types=(datetime, bytes)), type(event))
    except msgspec.ValidationError as found:
        reason = found
    except (TypeError, ValueError):  # it holds what msgspec knows nothing of
        pass
    return Unwritable(f"{type(event).__name__} cannot be written: {reason}")


class _Source:
    """The text of a function that writes `event`; `items` is how many array and map items it has come upon."""

    def __init__(self, event: type) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        """What the text names beside NAMES: classes, and the bytes of enums' symbols."""
        self._classes = classes(event)
        self._depth = 0
        self._locals = 0

    def put(self, *lines: str) -> None:
        self.lines += ["    " * self._depth + line for line in lines]

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    def parts(self, kind: Shape, value: str) -> list[str]:
        """Writes what has to be done first, and returns the expressions whose bytes are the value's, in order."""
        if kind.kind in PLAIN:
            return self._plain(kind.kind, value)
        if kind.kind == "fixed":
            local = self._local()
            return [
                f"({local} if isinstance({local} := {value}, bytes) and len({local}) == {kind.size} else refuse(0))"
            ]
        if kind.kind == "enum":
            return [f"{self._symbols(kind)}[{value}]"]
        if kind.kind == "record":
            lacking = {each.name for each in kind.fields} - {each.name for each in fields(self._classes[kind.name])}
            if lacking:
                raise Unwritable(f"{kind.name} has no {', '.join(sorted(lacking))}")
            return [part for each in kind.fields for part in self.parts(each.shape, f"{value}.{each.name}")]
        out = self._local()
        if kind.kind == "union":
            self._union(kind, value, out)
        else:
            self._many(kind, value, out)
        return [f"*{out}"]

    def _local(self) -> str:
        self._locals += 1
        return f"v{self._locals}"

    def _plain(self, kind: str, value: str) -> list[str]:
        local = self._local()
        return [each.format(value, local) for each in PLAIN[kind]]

    def _name(self, value: Any) -> str:
        name = f"N{len(self.names)}"
        self.names[name] = value
        return name

    def _symbols(self, kind: Shape) -> str:
        members = {each.value: each for each in self._classes.get(kind.name, ())}
        return self._name({members.get(each, each): wire.number(n) for n, each in enumerate(kind.symbols)})

    def _union(self, kind: Shape, value: str, out: str) -> None:
        local = self._local()
        self.put(f"{local} = {value}")
        nullable = len(kind.branches) == 2 and kind.branches[0].kind == "null"
        for index, branch in enumerate(kind.branches):
            last = nullable and index == 1
            test = "else:" if last else f"{'elif' if index else 'if'} {self._fits(branch, local)}:"
            self.put(test)
            with self.deeper():
                parts = self.parts(branch, local)
                self.put(f"{out} = [{', '.join([repr(wire.number(index)), *parts])}]")
        if not nullable:
            self.put("else:", f"    refuse({local})")

    def _fits(self, kind: Shape, local: str) -> str:
        """Returns the expression that tells whether a value is of this branch; the first that is takes it."""
        if kind.kind in FITS:
            return FITS[kind.kind].format(local)
        if kind.kind == "record":
            return f"isinstance({local}, {self._name(self._classes[kind.name])})"
        if kind.kind == "enum":
            return f"isinstance({local}, str) and {local} in {self._symbols(kind)}"
        return f"isinstance({local}, bytes) and len({local}) == {kind.size}"

    def _many(self, kind: Shape, value: str, out: str) -> None:
        assert kind.item is not None
        local, key, item = self._local(), self._local(), self._local()
        self.put(f"{local} = {value}", f"{out} = []")
        self.put(f"if not isinstance({local}, {'LISTS' if kind.kind == 'array' else 'dict'}):", f"    refuse({local})")
        self.put(f"if {local}:")
        with self.deeper():
            self.put(f"items += len({local})", "if items > ITEMS_MAX:", "    too_many(items)")
            self.put(f"{out}.append(number(len({local})))")
            self.put(f"for {item} in {local}:" if kind.kind == "array" else f"for {key}, {item} in {local}.items():")
            with self.deeper():
                first = [] if kind.kind == "array" else self._plain("string", key)
                parts = [*first, *self.parts(kind.item, item)]
                self.put(f"{out} += ({', '.join(parts)},)")
        self.put(f"{out}.append(b'\\0')")


PLAIN = {
    "null": ("(b'' if {0} is None else refuse({0}))",),
    "boolean": ("(b'\\1' if ({1} := {0}) is True else b'\\0' if {1} is False else refuse({1}))",),
    "int": ("(NUMBERS[{1}] if -NEAR <= ({1} := {0}) < NEAR else number({1}, 32))",),
    "long": ("(NUMBERS[{1}] if -NEAR <= ({1} := {0}) < NEAR else number({1}))",),
    "float": ("float32({0})",),
    "double": ("double({0})",),
    "timestamp-micros": ("micros({0})",),
    "timestamp-millis": ("number({0})",),
    "string": ("(NUMBERS[n] if (n := len({1} := {0}.encode())) < NEAR else number(n))", "{1}"),
    "bytes": (
        "(NUMBERS[n] if (n := len({1} := {0})) < NEAR else number(n))",
        "({1} if isinstance({1}, bytes) else refuse({1}))",
    ),
}
"""The bytes of a value {0} of each type, one expression after the other; {1} is a local of their own."""
FITS = {
    "null": "{0} is None",
    "boolean": "isinstance({0}, bool)",
    "int": "isinstance({0}, int) and not isinstance({0}, bool) and -0x80000000 <= {0} < 0x80000000",
    "long": "isinstance({0}, int) and not isinstance({0}, bool)",
    "float": "isinstance({0}, int | float) and not isinstance({0}, bool)",
    "double": "isinstance({0}, int | float) and not isinstance({0}, bool)",
    "timestamp-micros": "isinstance({0}, datetime)",
    "timestamp-millis": "isinstance({0}, int)",
    "string": "isinstance({0}, str)",
    "bytes": "isinstance({0}, bytes)",
    "array": "isinstance({0}, list | tuple)",
    "map": "isinstance({0}, dict)",
}
NAMES = {
    "ITEMS_MAX": ITEMS_MAX,
    "LISTS": (list, tuple),
    "NEAR": wire.NEAR,
    "NUMBERS": wire.NUMBERS,
    "WRONG": WRONG,
    "datetime": datetime,
    "double": struct.Struct("<d").pack,
    "float32": struct.Struct("<f").pack,
    "micros": wire.micros,
    "number": wire.number,
    "refuse": refuse,
    "too_many": too_many,
    "unwritable": unwritable,
}
