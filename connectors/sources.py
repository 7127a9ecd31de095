"""Source definitions: how the rows of a file become business events, written in YAML."""

import codecs
import re
from collections.abc import Hashable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from connectors.files.rows import Layout
from connectors.files.values import zone_of
from schemas.errors import Rejected

SUFFIXES = (".yaml", ".yml")


class BadSource(Rejected):
    """A source definition is missing or wrong; the text names file and key."""


def load_source(name_or_path: str | Path) -> "Source":
    """Returns the source at a path, or the one shipped under this id; raises BadSource."""
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in name or name.endswith(SUFFIXES):
        path = Path(name_or_path)
        try:
            return parse_source(path.name, path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadSource(f"{path.name}: {getattr(error, 'strerror', None) or error}") from error
    folder = files("examples") / "sources"
    shipped = sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml"))
    if name not in shipped:
        raise BadSource(f"{name}: no source of this id is shipped, and it is no path; shipped: {', '.join(shipped)}")
    return parse_source(f"{name}.yaml", (folder / f"{name}.yaml").read_text("utf-8"))


def parse_source(name: str, text: str) -> "Source":
    """Returns the source that the text defines; raises BadSource, one line that names the file and the key."""
    try:
        return Source.model_validate(yaml.load(text, _OnceLoader))
    except RecursionError as error:
        raise BadSource(f"{name}: nested too deep") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        cause = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise BadSource(f"{name}:{line} {cause}") from error
    except ValidationError as error:
        first, *others = error.errors()
        place = ".".join(str(part) for part in first["loc"] if part not in _TAGS) or "the definition"
        more = f" (and {len(others)} more)" if others else ""
        raise BadSource(f"{name}: {place}: {_said(first['type'], first['msg'])}{more}") from error


def snake(column: str) -> str:
    """Returns a column's name as an attribute's: `resource country` is resource_country, `priceEur` price_eur."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column)
    return re.sub(r"\W+", "_", parted).strip("_").lower() or "column"


def _zone(name: str | None) -> str | None:
    if name is not None:
        zone_of(name)
    return name


def _pattern(text: str | None) -> str | None:
    if text is not None and text not in ("iso8601", "epoch_s", "epoch_ms") and "%" not in text:
        raise ValueError("is neither iso8601, epoch_s, epoch_ms nor a strptime pattern such as %d.%m.%Y %H:%M")
    return text


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # a codec that is none of text is refused here
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"no encoding {name!r}") from error


def _columns(value: Any) -> Any:
    return {"columns": [value]} if isinstance(value, str) else {"columns": value} if isinstance(value, list) else value


Text = Annotated[str, Field(min_length=1)]
Zone = Annotated[str | None, AfterValidator(_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Type = Literal["text", "integer", "decimal", "boolean", "timestamp", "date", "json"]
_TAGS = ("one workflow", "by column")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Words(_Model):
    """Columns whose texts are joined; a column's name alone or a list of them is short for it."""

    columns: Annotated[list[Text], Field(min_length=1)]
    separator: str = " / "


class Moment(_Model):
    """Where a row says when it happened; the zone counts where the text names none."""

    column: Text
    format: Pattern = "iso8601"
    zone: Zone = None


class Attribute(_Model):
    """A column as an attribute: its name (else the column's in snake case), type, whether it must have a value."""

    name: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9_]*$")] = None
    type: Type = "text"
    required: bool = False
    zone: Zone = None
    format: Annotated[str | None, AfterValidator(_pattern)] = None


class WorkflowBy(_Model):
    """The workflow follows from a column's value; a value that is not listed names the default, or none."""

    column: Text
    map: Annotated[dict[str, Text], Field(min_length=1)]
    default: Text | None = None


class Format(_Model):
    """How text is written in the file."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    null_values: list[str] = []
    """Texts that mean empty, beside the empty one."""
    short_rows: Literal["reject", "fill"] = "reject"


class Source(_Model):
    """How rows become business events."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Text
    workflow: (
        Annotated[
            Annotated[Text, Tag("one workflow")] | Annotated[WorkflowBy, Tag("by column")],
            Discriminator(lambda value: "one workflow" if isinstance(value, str) else "by column"),
        ]
        | None
    ) = None
    format: Format = Format()
    subject: Annotated[Words, BeforeValidator(_columns)]
    type: Annotated[Words, BeforeValidator(_columns)]
    time: Moment
    attributes: dict[
        Text, Annotated[Attribute, BeforeValidator(lambda v: {"name": v} if isinstance(v, str) else v)]
    ] = {}
    rest: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _names_differ(self) -> "Source":
        taken: dict[str, str] = {}
        for column, each in self.attributes.items():
            name = each.name or snake(column)
            if name in taken:
                raise ValueError(f"attributes: columns {taken[name]!r} and {column!r} are both {name}")
            taken[name] = column
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs beside attributes: of subject, type, time and workflow."""
        by = (self.workflow.column,) if isinstance(self.workflow, WorkflowBy) else ()
        return tuple(dict.fromkeys((*self.subject.columns, *self.type.columns, self.time.column, *by)))

    @property
    def layout(self) -> Layout:
        """The format's options as readers take them."""
        given = self.format
        return Layout(delimiter=given.delimiter, encoding=given.encoding, short_rows=given.short_rows)

    @property
    def workflow_named(self) -> str | None:
        """The workflow, or the rule that names it, as one text: `kind: invoice -> invoice-check, ...`."""
        if not isinstance(self.workflow, WorkflowBy):
            return self.workflow
        named = [f"{value} -> {name}" for value, name in sorted(self.workflow.map.items())]
        if self.workflow.default is not None:
            named.append(f"else {self.workflow.default}")
        return f"{self.workflow.column}: {', '.join(named)}"


class _OnceLoader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _said(kind: str, message: str) -> str:
    known = {"extra_forbidden": "unknown key", "missing": "is missing"}
    return known.get(kind, message.removeprefix("Value error, "))
