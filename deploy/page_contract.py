"""Writes what the page knows of the gateway's contract, as TypeScript: `python -m deploy.page_contract`.

Bodies and answers by route, from the OpenAPI document, and who may do what. A test makes it again: drift fails.
"""

import json
from pathlib import Path
from typing import Any, cast

from domain.identity import GRANTED, Permission, Role
from gateway.app import Parts, application
from gateway.door import PREFIX, Door
from gateway.folders import Folders
from gateway.live import Live
from gateway.sign_on import SignOn

PLACE = Path(__file__).parents[1] / "dashboard" / "src" / "api" / "contract.ts"
HEAD = """/** Generated from the gateway's contract by `python -m deploy.page_contract`: not to be changed by hand. */
"""
TAIL = """
export type Route = keyof Contract;
export type Body<R extends Route> = Contract[R]["body"];
export type Answer<R extends Route> = Contract[R]["answer"];
"""
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def main() -> None:
    """Writes the file."""
    PLACE.write_text(text(document()))


def document() -> dict[str, Any]:
    """Returns the OpenAPI document; what serves its routes is not needed for that."""
    nothing = cast(Any, None)
    door = Door(nothing, nothing, nothing, nothing, nothing, nothing)
    sign_on = SignOn(nothing, nothing)
    looking, folders = Live(door, nothing), Folders(Path("nowhere"))
    return application(door, Parts(nothing, nothing, nothing, looking, folders, sign_on, nothing)).openapi()


def text(said: dict[str, Any]) -> str:
    """Returns the TypeScript of a document."""
    routes = []
    for path, operations in sorted(said["paths"].items()):
        for method, operation in sorted(operations.items()):
            name = f"{method.upper()} {path.removeprefix(PREFIX)}"
            body = _json(operation.get("requestBody", {}))
            done = [each for status, each in sorted(operation["responses"].items()) if status.startswith("2")]
            answer = _json(done[0]) if done else None
            routes.append(f"  {json.dumps(name)}: {{ body: {_type(body, said)}; answer: {_type(answer, said)} }};")
    granted = {role.value: sorted(GRANTED[role]) for role in Role}
    return "\n".join(
        (
            HEAD,
            f"export const PERMISSIONS = {json.dumps([each.value for each in Permission])} as const;",
            f"export const GRANTED = {json.dumps(granted, indent=2)} as const;",
            "",
            "export interface Contract {",
            *routes,
            "}",
            TAIL,
        )
    )


def _json(part: dict[str, Any]) -> Any:
    return part.get("content", {}).get("application/json", {}).get("schema")


def _type(schema: Any, said: dict[str, Any]) -> str:  # noqa: PLR0911  one for each kind of schema
    """Returns the type of what a schema permits; unknown where it says nothing."""
    if schema is None:
        return "undefined"
    if "$ref" in schema:
        return _type(said["components"]["schemas"][schema["$ref"].rpartition("/")[2]], said)
    if "enum" in schema or "const" in schema:
        return " | ".join(json.dumps(each) for each in schema.get("enum", [schema.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_type(each, said) for each in schema[several]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": each}, said) for each in kind)
    if kind == "array":
        return f"({_type(schema['items'], said)})[]" if "items" in schema else "unknown[]"
    if kind == "object":
        return _object(schema, said)
    return SIMPLE.get(kind, "unknown")


def _object(schema: dict[str, Any], said: dict[str, Any]) -> str:
    members, more = schema.get("properties", {}), schema.get("additionalProperties")
    if not members:
        return f"Record<string, {_type(more, said) if isinstance(more, dict) and more else 'unknown'}>"
    needed = set(schema.get("required", ()))
    told = (f"{json.dumps(name)}{'' if name in needed else '?'}: {_type(each, said)}" for name, each in members.items())
    return f"{{ {'; '.join(told)} }}"


if __name__ == "__main__":
    main()
