"""Writes schemas/events.py from the .avsc files: `python -m schemas.generate`."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "avro"
TARGET = Path(__file__).parent / "events.py"

HEAD = '''"""Event classes, generated from schemas/avro by schemas/generate.py: edit the schemas, not this file."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field
'''

PRIMITIVE = {
    "string": "str",
    "int": "int",
    "long": "int",
    "boolean": "bool",
    "bytes": "bytes",
    "double": "float",
    "null": "None",
}


def source() -> str:
    """Returns the text of schemas/events.py: enums and nested records first, each once, then one class a topic."""
    blocks: dict[str, str] = {}
    nouns = []
    for path in sorted(FOLDER.glob("*.avsc")):
        schema = json.loads(path.read_text())
        _record(schema, blocks)
        nouns.append(schema["name"])
    union = "Event = (\n    " + "\n    | ".join(nouns) + "\n)\n"
    return HEAD + "\n\n" + "\n\n".join(blocks.values()) + "\n\n" + union


def _record(schema: dict[str, Any], blocks: dict[str, str]) -> None:
    lines = [f"class {schema['name']}(Struct, frozen=True, kw_only=True):", f'    """{schema["doc"]}"""', ""]
    for each in schema["fields"]:
        lines.append(f"    {each['name']}: {_type(each['type'], blocks)}{_default(each)}")
        lines += [f'    """{line}"""' for line in [each["doc"]]]
    blocks[schema["name"]] = "\n".join(lines) + "\n"


def _enum(schema: dict[str, Any], blocks: dict[str, str]) -> None:
    lines = [f"class {schema['name']}(StrEnum):"]
    lines += [f'    {symbol.upper()} = "{symbol}"' for symbol in schema["symbols"]]
    blocks[schema["name"]] = "\n".join(lines) + "\n"


def _type(kind: Any, blocks: dict[str, str]) -> str:
    if isinstance(kind, list):
        return " | ".join(sorted((_type(each, blocks) for each in kind), key=lambda name: name == "None"))
    if isinstance(kind, str):
        return PRIMITIVE.get(kind, kind)
    if kind.get("logicalType") == "timestamp-micros":
        return "datetime"
    if kind["type"] == "map":
        return f"dict[str, {_type(kind['values'], blocks)}]"
    if kind["type"] == "array":
        return f"list[{_type(kind['items'], blocks)}]"
    if kind["type"] == "enum":
        _enum(kind, blocks)
        return str(kind["name"])
    if kind["type"] == "record":
        _record(kind, blocks)
        return str(kind["name"])
    return _type(kind["type"], blocks)


def _default(each: dict[str, Any]) -> str:
    if "default" not in each:
        return ""
    value = each["default"]
    if value == {}:
        return " = field(default_factory=dict)"
    if value == []:
        return " = field(default_factory=list)"
    kind = each["type"]
    if isinstance(kind, dict) and kind.get("type") == "enum":
        return f" = {kind['name']}.{value.upper()}"
    return " = " + ('"' + value + '"' if isinstance(value, str) else repr(value))


if __name__ == "__main__":
    TARGET.write_text(source())
