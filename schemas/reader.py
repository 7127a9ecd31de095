"""Readers of one writer's schema each, compiled to Python source: Avro bodies straight into event classes.

A text whose length takes one byte is the hot path: a table look-up, a slice, no bounds checked. A slice beyond the end
does not raise, so the one comparison after the last field finds what is missing as well as what is left over.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from msgspec import NODEFAULT
from msgspec.structs import fields

from schemas import wire
from schemas.catalogue import ITEMS_MAX
from schemas.errors import Undecodable
from schemas.events import Event
from schemas.shape import Shape, UnreadableSchema, classes, shape

Reader = Callable[[bytes, int], Event]

READERS_MAX = 256
"""Readers kept compiled in a process, whatever codecs it makes."""
PROMOTED = {
    ("int", "long"): "{0}",
    ("int", "float"): "float({0})",
    ("int", "double"): "float({0})",
    ("long", "float"): "float({0})",
    ("long", "double"): "float({0})",
    ("float", "double"): "{0}",
    ("string", "bytes"): "{0}.encode()",
    ("bytes", "string"): "{0}.decode()",
}
"""What Avro lets a reader take for another type, and how what was read becomes it."""
NAMES = {
    "ITEMS_MAX": ITEMS_MAX,
    "PackedError": struct.error,
    "SMALL": wire.SMALL,
    "STEP": wire.STEP,
    "Undecodable": Undecodable,
    "block": wire.block,
    "double": struct.Struct("<d").unpack_from,
    "float32": struct.Struct("<f").unpack_from,
    "long": wire.long,
    "moment": wire.moment,
    "short": wire.short,
    "span": wire.span,
    "text": wire.text,
    "unsigned": wire.unsigned,
}


def compile_reader(writer: Any, own: Mapping[str, Any], event: type, topic: str) -> Reader:
    """Returns the function that reads the body at an offset of some bytes, written with one schema, as our event.

    What the writer lacks takes our default, what we lack is read and dropped, a symbol we lack is our enum's default.
    The function raises Undecodable, naming the topic, at anything but such a body that ends where the bytes end; it
    reads at most ITEMS_MAX items, and takes no more memory than the event and one copy of its bytes. Raises
    UnreadableSchema when the writer's schema is not safe to read or says something else than ours.
    """
    try:
        written = json.dumps(writer)
    except (RecursionError, TypeError, ValueError) as error:
        raise UnreadableSchema(f"no schema that can be written down: {error}") from error
    return _compiled(written, json.dumps(own), event, topic)


@lru_cache(READERS_MAX)
def _compiled(writer: str, own: str, event: type, topic: str) -> Reader:
    source = _Source(event)
    source.put("def read(b, i):")
    with source.deeper():
        source.put("left = ITEMS_MAX", "try:")
        with source.deeper():
            source.read(shape(json.loads(writer)), shape(json.loads(own)), "event", "")
        source.put(
            "except Undecodable as error:",
            "    raise Undecodable(f'body is not {TOPIC}: {error}') from error",
            "except (IndexError, PackedError) as error:",
            "    raise Undecodable(f'body is not {TOPIC}: it ends too early') from error",
            "except UnicodeDecodeError as error:",
            "    raise Undecodable(f'body is not {TOPIC}: text that is not UTF-8, {error.reason}') from error",
            "if i == len(b):",
            "    return event",
            "if i > len(b):",
            "    raise Undecodable(f'body is not {TOPIC}: it ends too early')",
            "raise Undecodable(f'{len(b) - i} bytes left over after the body')",
        )
    names: dict[str, Any] = {**NAMES, **source.names, "TOPIC": topic}
    exec(compile("\n".join(source.lines), f"<reader of {topic}>", "exec"), names)
    read: Reader = names["read"]
    return read


class _Source:
    """The text of a function that reads `b` from `i` on; `left` is how many items may still come."""

    def __init__(self, event: type) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        """What the text names beside NAMES: classes, and the members of enums by index."""
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

    def read(self, kind: Shape, ours: Shape | None, to: str, path: str) -> None:
        """Writes what reads a `kind` into the local `to`, as `ours`; with none of ours, what checks and drops it."""
        if kind.kind == "union":
            self._union(kind, ours, to, path)
        elif ours is not None and ours.kind == "union":
            same_first = sorted(ours.branches, key=lambda each: (each.kind, each.name) != (kind.kind, kind.name))
            if not any(self._tried(kind, each, to, path) for each in same_first):
                raise UnreadableSchema(f"{path}: {kind.kind} is in no union of ours")
        elif ours is not None and (kind.kind, kind.name, kind.size) != (ours.kind, ours.name, ours.size):
            how = PROMOTED.get((kind.kind, ours.kind))
            if how is None:
                raise UnreadableSchema(f"{path}: {kind.name or kind.kind} is not {ours.name or ours.kind}")
            self.put(*PLAIN[kind.kind].format(to).splitlines(), f"{to} = {how.format(to)}")
        elif kind.kind in PLAIN:
            self.put(*PLAIN[kind.kind].format(to).splitlines())
        elif kind.kind == "record":
            self._record(kind, ours, to, path)
        elif kind.kind == "enum":
            self._enum(kind, ours, to)
        elif kind.kind == "fixed":
            self.put("s = i", f"i += {kind.size}", f"{to} = b[s:i]")
        else:
            self._many(kind, ours, to, path)

    def _local(self) -> str:
        self._locals += 1
        return f"v{self._locals}"

    def _tried(self, kind: Shape, ours: Shape | None, to: str, path: str) -> bool:
        """Writes the reading and returns True when it can be; else leaves the text as it was."""
        length, depth = len(self.lines), self._depth
        try:
            self.read(kind, ours, to, path)
        except UnreadableSchema:
            del self.lines[length:]
            self._depth = depth
            return False
        return True

    def _union(self, kind: Shape, ours: Shape | None, to: str, path: str) -> None:
        self.put("n = b[i]", "i += 1", "if n > 127:", "    n, i = unsigned(b, i - 1)")
        for index, branch in enumerate(kind.branches):
            self.put(f"{'elif' if index else 'if'} n == {2 * index}:")
            with self.deeper():
                if not self._tried(branch, ours, to, path):
                    self.put(f"raise Undecodable({f'{path} is {branch.name or branch.kind}, none of ours'!r})")
        self.put("else:", f"    raise Undecodable({f'{path} is in no branch of its union'!r})")

    def _record(self, kind: Shape, ours: Shape | None, to: str, path: str) -> None:
        event = self._classes.get(kind.name) if ours is not None else None
        ready = {each.encode_name: each for each in fields(event)} if event is not None else {}
        wanted = {each.name: each.shape for each in ours.fields if each.name in ready} if ours is not None else {}
        given = []
        for each in kind.fields:
            local = self._local()
            self.read(each.shape, wanted.get(each.name), local, f"{path}.{each.name}".lstrip("."))
            if each.name in wanted:
                given.append((each.name, local))
        if ours is None:
            self.put("pass")
            return
        if event is None:
            raise UnreadableSchema(f"{path}: no class of ours is {kind.name}")
        for name in ready.keys() - {name for name, _ in given}:
            if ready[name].default is NODEFAULT and ready[name].default_factory is NODEFAULT:
                raise UnreadableSchema(f"{kind.name}: {name} is not in it, and has no default")
        self.names[kind.name] = event
        self.put(f"{to} = {kind.name}({', '.join(f'{name}={local}' for name, local in given)})")

    def _enum(self, kind: Shape, ours: Shape | None, to: str) -> None:
        members = f"M{len(self.names)}"
        self.names[members] = dict(self._members(kind, ours))
        self.put("n = b[i]", "i += 1", "if n > 127:", "    n, i = unsigned(b, i - 1, 32)")
        self.put(f"{to} = {members}.get(n)")
        self.put(f"if {to} is None:", f"    raise Undecodable(f'{kind.name} {{n >> 1}} is no symbol')")

    def _members(self, kind: Shape, ours: Shape | None) -> Iterator[tuple[int, Any]]:
        """Yields the member of our class for each index as it is written; none for a symbol that cannot be ours."""
        if ours is None:
            yield from ((2 * index, True) for index in range(len(kind.symbols)))
            return
        symbols = {each.value: each for each in self._classes.get(kind.name, ())}
        for index, symbol in enumerate(kind.symbols):
            if (member := symbols.get(symbol, symbols.get(ours.default))) is not None:
                yield 2 * index, member

    def _many(self, kind: Shape, ours: Shape | None, to: str, path: str) -> None:
        assert kind.item is not None
        end, key, value = self._local(), self._local(), self._local()
        self.put(f"{to} = {'[]' if kind.kind == 'array' else '{}'}", "while (n := STEP[b[i]]) != 1:")
        with self.deeper():
            self.put("if n:", "    n -= 1", "    i += 1", f"    {end} = 0")
            self.put("else:", f"    n, i, {end} = block(b, i)", "    if not n:", "        break")
            self.put("left -= n", "if left < 0:", "    raise Undecodable(f'more than {ITEMS_MAX} items')")
            self.put("for _ in range(n):")
            with self.deeper():
                if kind.kind == "map":
                    self.put(*PLAIN["string"].format(key).splitlines())
                self.read(kind.item, ours.item if ours is not None else None, value, f"{path}[]")
                if ours is not None:
                    self.put(f"{to}[{key}] = {value}" if kind.kind == "map" else f"{to}.append({value})")
            self.put(f"if {end} and {end} != i:", "    raise Undecodable('a block of another size than it says')")
        self.put("else:", "    i += 1")


PLAIN = {
    "null": "{0} = None",
    "boolean": """
n = b[i]
i += 1
if n > 1:
    raise Undecodable(f'a boolean of {{n}}')
{0} = n == 1""",
    "int": """
n = b[i]
if n > 127:
    {0}, i = short(b, i)
else:
    {0} = SMALL[n]
    i += 1""",
    "long": """
n = b[i]
if n > 127:
    {0}, i = long(b, i)
else:
    {0} = SMALL[n]
    i += 1""",
    "float": "{0} = float32(b, i)[0]\ni += 4",
    "double": "{0} = double(b, i)[0]\ni += 8",
    "timestamp-micros": "{0}, i = moment(b, i)",
    "timestamp-millis": "{0}, i = long(b, i)",
    "string": """
n = STEP[b[i]]
if n:
    s = i + 1
    i += n
    {0} = b[s:i].decode()
else:
    {0}, i = text(b, i)""",
    "bytes": """
n = STEP[b[i]]
if n:
    s = i + 1
    i += n
    {0} = b[s:i]
else:
    s, i = span(b, i)
    {0} = b[s:i]""",
}
"""What reads a value of each type into the local {0}."""
