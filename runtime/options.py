"""Options that many commands take."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.settings import Settings, settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where all state lies (default: .auterity).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Narrow to one tenant.")]


def configured(data_dir: Path | None) -> Settings:
    """Returns the settings of this process with the data directory that the command line names."""
    conf = settings()
    chosen = data_dir if data_dir is not None else conf.data_dir
    return conf.model_copy(update={"data_dir": chosen.expanduser().absolute()})
