"""What a schema may hold, and how it may change: checked before anything is registered."""

import json
from typing import Any

from schemas.shape import DEPTH_MAX, UnreadableSchema, shape

HEAD = ("event_id", "tenant_id", "correlation_id", "causation_id", "occurred_at")
PII = {"none", "personal", "secret"}
EMPTY = 0


def lint(schema: dict[str, Any]) -> list[str]:
    """Returns what is wrong with a topic's schema, one line each: head fields, docs, PII classes, enum defaults, and
    whatever makes it unsafe to read: recursion, arrays whose items take no bytes, depth over six, items of many values.

    What a body can cost our reader follows: at most ITEMS_MAX items of at most ITEM_VALUES_MAX values each, and beside
    them no more than the texts and bytes it holds, a text taking up to four times its bytes. Other readers count no
    items: theirs may take some hundred bytes for each byte of the body.
    """
    found = []
    names = tuple(field["name"] for field in schema["fields"][: len(HEAD)])
    if names != HEAD:
        found.append(f"{schema['name']}: begins with {', '.join(names)}, not {', '.join(HEAD)}")
    _lint(schema, schema["name"], (), {}, found)
    if not found:
        try:
            shape(schema)
        except UnreadableSchema as error:
            found.append(f"{schema['name']}: {error}")
    return found


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Returns every change from old to new that is not allowed, one line each.

    Allowed are: a field added with a default, a symbol appended to an enum that has a default, other words in a doc.
    """
    found: list[str] = []
    _changes(old, new, new["name"], found)
    return found


def _lint(kind: Any, path: str, above: tuple[str, ...], named: dict[str, Any], found: list[str]) -> None:
    if len(above) > DEPTH_MAX:
        found.append(f"{path}: deeper than {DEPTH_MAX}")
        return
    if isinstance(kind, list):
        for each in kind:
            _lint(each, path, above, named, found)
    elif isinstance(kind, str):
        if kind in above:
            found.append(f"{path}: {kind} holds itself")
    elif not isinstance(kind["type"], str):
        found.append(f"{path}: a type within a type")
    elif kind["type"] == "record":
        if kind["name"] in above:
            found.append(f"{path}: {kind['name']} holds itself")
            return
        named[kind["name"]] = kind
        for field in kind["fields"]:
            inner = f"{path}.{field['name']}"
            if not field.get("doc"):
                found.append(f"{inner}: no doc")
            if field.get("pii") not in PII:
                found.append(f"{inner}: no pii class")
            _lint(field["type"], inner, (*above, kind["name"]), named, found)
    elif kind["type"] == "array":
        _lint(kind["items"], path, (*above, ""), named, found)
        if _width(kind["items"], named) == EMPTY:
            found.append(f"{path}: an array of nothing")
    elif kind["type"] == "map":
        _lint(kind["values"], path, (*above, ""), named, found)
    elif kind["type"] == "fixed":
        named[kind["name"]] = kind
    elif kind["type"] == "enum" and kind.get("default") != "unknown":
        found.append(f"{path}: an enum without the default unknown")


def _width(kind: Any, named: dict[str, Any], above: tuple[str, ...] = ()) -> int:
    """Returns the fewest bytes a value of this type takes; what holds itself takes one at least."""
    if isinstance(kind, str):
        kind = named.get(kind, kind)
    if kind in ("null", {"type": "null"}):
        return EMPTY
    if isinstance(kind, dict) and kind["type"] == "record":
        if kind["name"] in above:
            return 1
        return sum(_width(field["type"], named, (*above, kind["name"])) for field in kind["fields"])
    if isinstance(kind, dict) and kind["type"] == "fixed":
        return int(kind["size"])
    return 1


def _changes(old: Any, new: Any, path: str, found: list[str]) -> None:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for before, after in zip(old, new, strict=True):
                _changes(before, after, path, found)
        elif old != new:
            found.append(f"{path}: type changed from {old} to {new}")
        return
    for part in ("type", "name", "logicalType", "size"):
        if not isinstance(old.get(part), dict | list) and old.get(part) != new.get(part):
            found.append(f"{path}: {part} changed from {old.get(part)} to {new.get(part)}")
            return
    if old["type"] == "record":
        _fields(old, new, path, found)
    elif old["type"] == "enum":
        if new["symbols"][: len(old["symbols"])] != old["symbols"]:
            found.append(f"{path}: symbols changed, not only appended")
        elif old.get("default") != new.get("default"):
            found.append(f"{path}: the enum's default changed from {old.get('default')} to {new.get('default')}")
        elif new["symbols"] != old["symbols"] and "default" not in old:
            found.append(f"{path}: a symbol appended to an enum that had no default")
    for part in ("items", "values"):
        if part in old:
            _changes(old[part], new[part], path, found)


def _fields(old: dict[str, Any], new: dict[str, Any], path: str, found: list[str]) -> None:
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    for name in sorted(before.keys() - after.keys()):
        found.append(f"{path}.{name}: removed")
    for name in sorted(after.keys() - before.keys()):
        if "default" not in after[name]:
            found.append(f"{path}.{name}: added without a default")
    for name in sorted(before.keys() & after.keys()):
        _changes(before[name]["type"], after[name]["type"], f"{path}.{name}", found)
        was, now = _default(before[name]), _default(after[name])
        if was != now:
            found.append(f"{path}.{name}: default changed from {was} to {now}")


def _default(field: dict[str, Any]) -> str:
    return json.dumps(field["default"]) if "default" in field else "none"
