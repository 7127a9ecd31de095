"""Whether a JSON text fits a JSON schema (draft 2020-12); nothing is fetched, whatever the schema refers to.

What knows schemas is loaded with the first one: most processes that know definitions meet none.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

SCHEMA_BYTES_MAX = 64 * 1024
FITS = ""


class BadSchema(Exception):
    """The schema is none, is too long, or refers to something outside."""


def misfit(text: str, schema: str) -> str:
    """Returns in a few words why the text does not fit, without a word of it; empty when it does. Raises BadSchema."""
    from referencing.exceptions import Unresolvable

    validator = checked(schema)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "is no JSON"
    try:
        error = next(validator.iter_errors(value), None)
    except (Unresolvable, RecursionError) as failed:
        raise BadSchema("the schema refers to what it does not hold") from failed
    return FITS if error is None else f"does not fit its schema ({error.validator})"


@lru_cache(maxsize=256)
def checked(schema: str) -> Any:
    """Returns the schema, ready to be asked; raises BadSchema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    if len(schema.encode()) > SCHEMA_BYTES_MAX:
        raise BadSchema(f"the schema has more than {SCHEMA_BYTES_MAX} bytes")
    try:
        value = msgspec.json.decode(schema, type=dict[str, Any])
        Draft202012Validator.check_schema(value)
    except (msgspec.DecodeError, SchemaError, RecursionError) as error:
        raise BadSchema("the schema is no JSON schema") from error
    if any(not reference.startswith("#") for reference in _references(value)):
        raise BadSchema("the schema refers to something outside")
    return Draft202012Validator(value, registry=Registry())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name in ("$ref", "$dynamicRef") and isinstance(each, str):
                yield each
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
