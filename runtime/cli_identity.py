"""The commands of who is let in: `auterity tenants`, `auterity users`, `auterity keys`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from runtime import terminal
from runtime.options import DataDir, Json, configured

if TYPE_CHECKING:
    from runtime.tenants import Tenants
    from runtime.users import Users

keys_app = typer.Typer(no_args_is_help=True, help="A tenant's API keys: `create`, `list`, `revoke`.")
users_app = typer.Typer(
    no_args_is_help=True,
    help="A tenant's people: `create`, `list`, `suspend`, `resume`, `team`, `reset` their password, `reset-factor`.",
)

tenants_app = typer.Typer(
    no_args_is_help=True,
    help="The tenants: `create`, `list`, `quota`, `access`, `second-factor`, `suspend`, `resume`, `delete`.",
)

Demand = Literal["optional", "required"]
Devices = Literal["any", "bound"]
Risk = Literal["low", "medium", "high"]
Owner = Annotated[str, typer.Option("--tenant", help="Whose they are; `platform` for the platform's own admins.")]
Name = Annotated[str, typer.Argument(help="The name to log in with.")]
Team = Annotated[str, typer.Option("--team", help="Whose budgets it spends beside its own; see `auterity budgets`.")]


@keys_app.command("create")
def keys_create(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose programs use it.")],
    scope: Annotated[list[str], typer.Option("--scope", help="What it permits, such as events:write; repeatable.")],
    days: Annotated[int, typer.Option("--days", help="How long it lives.")] = 90,
    title: Annotated[str, typer.Option("--title", help="What it is for.")] = "",
    network: Annotated[
        list[str] | None, typer.Option("--network", help="It opens nothing from elsewhere; repeatable.")
    ] = None,
    team: Team = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key for programs. It is shown here once and kept nowhere: the log holds its SHA-256."""
    from runtime import keys
    from runtime.deployment import where

    made = keys.create(*where(configured(data_dir)), tenant, scope, days, title, network or [], team)
    terminal.show(made, as_json, lambda: terminal.documents([made]))


@keys_app.command("list")
def keys_list(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose they are.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List a tenant's keys, revoked and expired ones too."""
    from runtime import keys
    from runtime.deployment import where

    found = keys.listed(*where(configured(data_dir)), tenant)
    terminal.show(found, as_json, lambda: _table(found, "no keys"))


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="The id: the part of the key behind the tenant.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Whose it is.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key worth nothing from now on."""
    from runtime import keys
    from runtime.deployment import where

    revoked = keys.revoke(*where(configured(data_dir)), tenant, key_id)
    terminal.show(revoked, as_json, lambda: terminal.documents([revoked]))


@users_app.command("create")
def users_create(
    name: Name,
    tenant: Owner,
    role: Annotated[list[str], typer.Option("--role", help="What the person is to the tenant; repeatable.")],
    title: Annotated[str, typer.Option("--title", help="Who it is.")] = "",
    team: Team = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a user. The password shown is good for one log-in, which has to change it, and is kept nowhere."""
    _done(_users(data_dir, tenant).create(name, role, title, team), as_json)


@users_app.command("list")
def users_list(tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List a tenant's users, suspended ones too."""
    found = _users(data_dir, tenant).listed()
    terminal.show(found, as_json, lambda: _table(found, "no users"))


@users_app.command("reset")
def users_reset(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Give a user a new password for one log-in; the old one is worth nothing from now on."""
    _done(_users(data_dir, tenant).reset(name), as_json)


@users_app.command("reset-factor")
def users_reset_factor(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take a lost second factor away, and its recovery codes; all sessions end."""
    _done(_users(data_dir, tenant).reset_factor(name), as_json)


@users_app.command("digest")
def users_digest(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say what stands for a name in the events of failed log-ins, `tried TENANT/DIGEST`."""
    _done(_users(data_dir, tenant).digest(name), as_json)


@users_app.command("suspend")
def users_suspend(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let a user in no more, whatever tokens there are."""
    _done(_users(data_dir, tenant).suspend(name), as_json)


@users_app.command("team")
def users_team(
    name: Name,
    tenant: Owner,
    team: Annotated[str, typer.Argument(help="Its name; unset: none.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Put a user into a team: what its runs hold from now on counts against the team's budgets too."""
    _done(_users(data_dir, tenant).join(name, team), as_json)


@users_app.command("resume")
def users_resume(name: Name, tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let a suspended user in again."""
    _done(_users(data_dir, tenant).resume(name), as_json)


@tenants_app.command("create")
def tenants_create(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    title: Annotated[str, typer.Option("--title", help="Who it is.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a tenant. `ingest` makes the one it is told, too."""
    _done(_tenants(data_dir).create(tenant, title), as_json)


@tenants_app.command("list")
def tenants_list(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all tenants and what each may use."""
    found = _tenants(data_dir).listed()
    terminal.show(found, as_json, lambda: _table([_flat(each) for each in found], "no tenants"))


@tenants_app.command("quota")
def tenants_quota(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    events_per_day: Annotated[str | None, typer.Option(help="Events that gateways take in a day of UTC.")] = None,
    calls_per_minute: Annotated[str | None, typer.Option(help="Calls of all its people and programs.")] = None,
    calls_per_minute_each: Annotated[str | None, typer.Option(help="Calls of each of them.")] = None,
    bytes_stored: Annotated[str | None, typer.Option(help="Bytes of its files.")] = None,
    connections: Annotated[str | None, typer.Option(help="Calls and connections at a time.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change what a tenant may use: each a number, or `default`; what is not named stays."""
    from runtime.tenants import amount

    given = {
        "events_per_day": events_per_day,
        "calls_per_minute": calls_per_minute,
        "calls_per_minute_each": calls_per_minute_each,
        "bytes_stored": bytes_stored,
        "connections": connections,
    }
    changes = {name: amount(name, text) for name, text in given.items() if text is not None}
    if not changes:
        raise typer.BadParameter("say at least one quota, such as --events-per-day 1000")
    _done(_tenants(data_dir).quota(tenant, changes), as_json)


@tenants_app.command("suspend")
def tenants_suspend(
    tenant: Annotated[str, typer.Argument(help="Its name.")], data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Let nobody of a tenant in, whatever keys and tokens there are; what it has stays."""
    _done(_tenants(data_dir).turn(tenant, "suspended"), as_json)


@tenants_app.command("resume")
def tenants_resume(
    tenant: Annotated[str, typer.Argument(help="Its name.")], data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Let a suspended tenant's people and programs in again."""
    _done(_tenants(data_dir).turn(tenant, "active"), as_json)


@tenants_app.command("second-factor")
def tenants_second_factor(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    demand: Annotated[Demand, typer.Argument(help="Required: people without one may do nothing but enrol one.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say whether a tenant's people need a second factor."""
    _done(_tenants(data_dir).require(tenant, demand), as_json)


@tenants_app.command("access")
def tenants_access(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    network: Annotated[
        list[str] | None, typer.Option("--network", help="Calls come from there, such as 10.0.0.0/8; repeatable.")
    ] = None,
    hours: Annotated[
        list[str] | None,
        typer.Option("--hours", help="People are let in then, in UTC: 08:00-17:00, or 1-5 08:00-17:00; repeatable."),
    ] = None,
    devices: Annotated[Devices, typer.Option("--devices", help="bound: people show a device with each call.")] = "any",
    risk_max: Annotated[Risk, typer.Option("--risk-max", help="People whose call is riskier stay out.")] = "high",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what a tenant asks of calls beside credentials; what is not said is not asked any more."""
    from domain.trust import hours_of

    try:
        spans = [hours_of(each) for each in hours or []]
    except ValueError as error:
        raise typer.BadParameter(f"hours are such as 08:00-17:00 or 1-5 08:00-17:00: {error}") from error
    said = {"networks": network or [], "hours": spans, "devices": devices, "risk_max": risk_max}
    _done(_tenants(data_dir).access(tenant, said), as_json)


@tenants_app.command("delete")
def tenants_delete(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be taken back.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let nobody of a tenant in ever again; nobody else gets its name. What is on the log stays there."""
    if not yes:
        raise typer.BadParameter(f"a deleted tenant cannot be brought back: say --yes to delete {tenant}")
    _done(_tenants(data_dir).turn(tenant, "deleted"), as_json)


def _flat(tenant: dict[str, Any]) -> dict[str, Any]:
    quota = (f"{name} {'-' if value is None else value}" for name, value in tenant["quota"].items())
    return {**tenant, "quota": "\n".join(quota)}


def _tenants(data_dir: Path | None) -> "Tenants":
    from runtime.deployment import where
    from runtime.tenants import Tenants

    return Tenants(*where(configured(data_dir)))


def _users(data_dir: Path | None, tenant: str) -> "Users":
    from runtime.deployment import where
    from runtime.users import Users

    conf = configured(data_dir)
    return Users(*where(conf), conf.data_dir, tenant)


def _done(said: dict[str, Any], as_json: bool) -> None:
    terminal.show(said, as_json, lambda: terminal.documents([said]))


def _table(found: list[dict[str, Any]], nothing: str) -> None:
    """Shows them; a column in which nothing stands is left out."""
    columns = [name for name in found[0] if any(one[name] for one in found)] if found else [nothing]
    cells = [[one[name] for name in columns] for one in found]
    terminal.rows(columns, [[", ".join(each) if isinstance(each, list) else each for each in one] for one in cells])
