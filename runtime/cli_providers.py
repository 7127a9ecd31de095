"""The commands of where people log in instead: `auterity providers`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime import terminal
from runtime.options import DataDir, Json, configured

if TYPE_CHECKING:
    from runtime.providers import Providers

providers_app = typer.Typer(no_args_is_help=True, help="A tenant's identity providers: `add`, `list`, `remove`.")

Owner = Annotated[str, typer.Option("--tenant", help="Whose people log in there.")]
Name = Annotated[str, typer.Argument(help="Its name, which stands in the addresses.")]


@providers_app.command("add")
def providers_add(
    name: Name,
    tenant: Owner,
    issuer: Annotated[str, typer.Option("--issuer", help="The provider's issuer, as its tokens say it.")],
    client_id: Annotated[str, typer.Option("--client-id", help="What the platform is called there.")],
    gateway: Annotated[str, typer.Option("--gateway", help="Where browsers reach the gateway: https://.../api/v1.")],
    role: Annotated[list[str], typer.Option("--role", help="group=role: what a group's people are; repeatable.")],
    secret_file: Annotated[
        Path | None, typer.Option("--client-secret-file", help="Holds the client's secret; `-`: standard input.")
    ] = None,
    name_claim: Annotated[str, typer.Option(help="The claim that names the user.")] = "preferred_username",
    roles_claim: Annotated[str, typer.Option(help="The claim that says the groups, or roles.")] = "groups",
    metadata_file: Annotated[
        Path | None, typer.Option("--saml-metadata-file", help="A SAML provider's metadata (XML); else it speaks OIDC.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What people know it as.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Have people of a tenant log in at an OpenID or SAML provider. `callback` is what the provider has to be told."""
    said = {"id": name, "title": title, "issuer": issuer, "client_id": client_id, "gateway": gateway}
    said |= {"name_claim": name_claim, "roles_claim": roles_claim}
    if metadata_file is not None:
        said |= {"protocol": "saml", "metadata": _text(metadata_file, "the provider's metadata")}
    made = _providers(data_dir, tenant).add(said, _secret(secret_file), role)
    terminal.show(made, as_json, lambda: terminal.documents([made]))


@providers_app.command("list")
def providers_list(tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List a tenant's identity providers; their secrets are shown nowhere."""
    found = _providers(data_dir, tenant).listed()
    terminal.show(found, as_json, lambda: terminal.documents(found))


@providers_app.command("remove")
def providers_remove(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let nobody in through a provider any more, whatever tokens there are."""
    removed = _providers(data_dir, tenant).remove(name)
    terminal.show(removed, as_json, lambda: terminal.documents([removed]))


def _providers(data_dir: Path | None, tenant: str) -> "Providers":
    from runtime.deployment import where
    from runtime.providers import Providers

    conf = configured(data_dir)
    return Providers(*where(conf), conf.data_dir, tenant)


def _secret(file: Path | None) -> str:
    """Returns the secret: never an argument, which every process of the machine could read."""
    return _text(file, "the client's secret") if file is not None else ""


def _text(file: Path, what: str) -> str:
    from schemas.errors import Rejected

    try:
        text = (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"{what} cannot be read from {file}: {type(error).__name__}") from error
    if not text:
        raise Rejected(f"{what} is not in {file}: it is empty")
    return text
