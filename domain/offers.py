"""What a step gives a model beside words, and wants of its answer: tools, images, a schema."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from domain.fitting import BadSchema, checked
from domain.ports import Tool
from schemas.errors import Rejected

TOOLS_MAX = 64
IMAGES_MAX = 16
STEP_SCHEMA_BYTES_MAX = 16 * 1024
"""Of one schema, of an answer or of what a tool takes."""
IMAGES_CHARACTERS_MAX = 400_000
"""Of all images of a call: about 300 kB of pictures."""
ADDRESS_CHARACTERS_MAX = 2_048
"""Of an image's https URL."""

_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}\Z")
_ADDRESS = re.compile(r"https://[^\s/?#@\\]+(?:/[^\s\\]*)?\Z")
_NAMED = ("properties", "$defs", "definitions", "dependentSchemas")
"""Keywords below which keys are names, not keywords."""
_VALUES = ("enum", "const", "default", "examples")
_ENDLESS = ("$ref", "$dynamicRef", "pattern", "patternProperties")
"""Keywords with which looking at an answer may take for ever."""


class BadImage(Rejected):
    """A field that should hold an image holds none, or too much of it."""


class OfferedTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that the model may want called: the step passes on what it wants, and does not run it."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
    description: Annotated[str, Meta(min_length=1, max_length=4_000)]
    parameters: dict[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON schema of the object that it takes."""


def unsound(tools: Sequence[OfferedTool], answer_schema: Mapping[str, Any] | None) -> str:
    """Returns what is wrong with tools and schema in one line that names it, empty when they are good."""
    return next(_faults(tools, answer_schema), "")


def text(schema: Mapping[str, Any]) -> str:
    """Returns the schema as JSON text, the same for the same schema."""
    return msgspec.json.encode(schema, order="sorted").decode()


def offered(tools: Sequence[OfferedTool]) -> tuple[Tool, ...]:
    """Returns the tools as a model is told of them."""
    return tuple(Tool(name=each.name, description=each.description, parameters=text(each.parameters)) for each in tools)


def pictures(given: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Returns the images in these fields, of those that hold anything; raises BadImage naming the field.

    Taken are base64 data: URLs of PNG, JPEG, GIF and WebP, and https URLs; 400,000 characters altogether.
    """
    found = [(name, given[name]) for name in dict.fromkeys(names) if given.get(name)]
    for name, image in found:
        if not (_DATA.match(image) or (_ADDRESS.match(image) and len(image) <= ADDRESS_CHARACTERS_MAX)):
            raise BadImage(
                f"image field {name} is neither a base64 data:image/ URL (png, jpeg, gif, webp) nor an https URL of at "
                f"most {ADDRESS_CHARACTERS_MAX} characters"
            )
    if (size := sum(len(image) for _, image in found)) > IMAGES_CHARACTERS_MAX:
        names_said = ", ".join(name for name, _ in found)
        raise BadImage(f"images of {size} characters in {names_said}, more than {IMAGES_CHARACTERS_MAX}")
    return [image for _, image in found]


def _faults(tools: Sequence[OfferedTool], answer_schema: Mapping[str, Any] | None) -> Iterator[str]:
    names = [each.name for each in tools]
    for name in {each for each in names if names.count(each) > 1}:
        yield f"tool {name} stands twice"
    if answer_schema is not None:
        yield from _schema_faults("answer_schema", answer_schema)
    for each in tools:
        yield from _schema_faults(f"tool {each.name}: parameters", each.parameters)
        if each.parameters.get("type") != "object":
            yield f"tool {each.name}: parameters: the type is not object"


def _schema_faults(where: str, schema: Mapping[str, Any]) -> Iterator[str]:
    said = text(schema)
    if (size := len(said.encode())) > STEP_SCHEMA_BYTES_MAX:
        yield f"{where}: {size} bytes, more than {STEP_SCHEMA_BYTES_MAX}"
    try:
        checked(said)
    except BadSchema as error:
        yield f"{where}: {error}"
    for keyword in _keywords(schema):
        if keyword in _ENDLESS:
            yield f"{where}: {keyword} is not taken: looking at an answer by it may take for ever"


def _keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _keywords(each)
    if isinstance(schema, dict):
        for keyword, each in schema.items():
            yield keyword
            if keyword in _NAMED and isinstance(each, dict):
                yield from _keywords(list(each.values()))
            elif keyword not in _VALUES:
                yield from _keywords(each)
