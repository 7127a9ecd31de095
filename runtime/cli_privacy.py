"""The commands of personal data: `auterity privacy`."""

from pathlib import Path
from typing import Annotated

import typer

from runtime import terminal
from runtime.options import DataDir, Json, configured

privacy_app = typer.Typer(no_args_is_help=True, help="What is concealed from models: `names` of a tenant's people.")


@privacy_app.callback()
def privacy() -> None:
    """Say what is concealed from models."""


@privacy_app.command("names")
def privacy_names(
    file: Annotated[Path, typer.Argument(help="A name in each line; an empty file: none any more.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Whose people they are.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a file's names those that are concealed from models; they are never shown again, only counted."""
    from runtime.deployment import where
    from runtime.tenants import Tenants

    done = Tenants(*where(configured(data_dir))).names(tenant, file)
    said = {"tenant": done["id"], "names": done["names"]}
    terminal.show(said, as_json, lambda: terminal.documents([said]))
