"""The commands of systems that sign what they send: `auterity webhooks`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime import terminal
from runtime.options import DataDir, Json, configured

if TYPE_CHECKING:
    from runtime.webhooks import Webhooks

webhooks_app = typer.Typer(no_args_is_help=True, help="A tenant's webhooks: `create`, `list`, `revoke`.")

Owner = Annotated[str, typer.Option("--tenant", help="Whose they are.")]


@webhooks_app.command("create")
def webhooks_create(
    tenant: Owner,
    topic: Annotated[str, typer.Option("--topic", help="Where what is sent goes, such as business-events.")],
    title: Annotated[str, typer.Option("--title", help="Which system sends.")] = "",
    network: Annotated[
        list[str] | None, typer.Option("--network", help="Nothing is taken from elsewhere; repeatable.")
    ] = None,
    team: Annotated[str, typer.Option("--team", help="Whose budgets the runs that it starts spend.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a webhook for a system that signs what it sends. Its secret is shown here once; the log holds it sealed."""
    made = _webhooks(data_dir, tenant).create(topic, title, network or [], team)
    terminal.show(made, as_json, lambda: terminal.documents([made]))


@webhooks_app.command("list")
def webhooks_list(tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List a tenant's webhooks, revoked ones too."""
    found = _webhooks(data_dir, tenant).listed()
    columns = ["id", "title", "topic", "status", "path"] if found else ["no webhooks"]
    terminal.show(found, as_json, lambda: terminal.rows(columns, [[one[name] for name in columns] for one in found]))


@webhooks_app.command("revoke")
def webhooks_revoke(
    webhook: Annotated[str, typer.Argument(help="Its id.")],
    tenant: Owner,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take nothing any more that is signed for a webhook."""
    revoked = _webhooks(data_dir, tenant).revoke(webhook)
    terminal.show(revoked, as_json, lambda: terminal.documents([revoked]))


def _webhooks(data_dir: Path | None, tenant: str) -> "Webhooks":
    from runtime.deployment import where
    from runtime.webhooks import Webhooks

    conf = configured(data_dir)
    return Webhooks(*where(conf), conf.data_dir, tenant)
