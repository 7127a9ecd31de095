"""The commands of what may be spent: `auterity budgets`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from runtime import terminal
from runtime.options import DataDir, Json, Tenant, configured

if TYPE_CHECKING:
    from runtime.budgets import Standing, TenantBudgets

budgets_app = typer.Typer(no_args_is_help=True, help="What tenants may spend on AI calls: `set`, `show`, `list`.")

SHOWN_MAX = 100
"""Open holds that are listed; their number is always said."""
Owner = Annotated[str, typer.Option("--tenant", help="Whose they are.")]
AMOUNTS = ("limit_usd_micros", "held_usd_micros", "billed_usd_micros")
COLUMNS = ("budget", "scope", "member", "window", *AMOUNTS, "percent", "level")
TITLES = ("budget", "scope", "member", "window", "limit\nmicro-$", "held", "billed", "%", "level")


@budgets_app.command("set")
def budgets_set(
    file: Annotated[Path, typer.Argument(help="A YAML file with `id: default` and `budgets`.")],
    tenant: Owner,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a file's budgets the tenant's; what is held and billed already counts against them."""
    made = _budgets(data_dir).set(tenant, file)
    found = [{"kind": each.kind, "id": each.id, "version": each.version, "digest": each.digest} for each in made]
    terminal.show(found, as_json, lambda: terminal.documents(found or [{"unchanged": str(file)}]))


@budgets_app.command("list")
def budgets_list(tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List every budget, of one tenant or of all."""
    found = _budgets(data_dir).listed(tenant)
    columns = list(found[0]) if found else ["no budgets"]
    terminal.show(found, as_json, lambda: terminal.rows(columns, [list(each.values()) for each in found]))


@budgets_app.command("show")
def budgets_show(tenant: Owner, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show how full each pot of a tenant is now, and its open holds; reads its entries from the first one."""
    found = _budgets(data_dir).standing(tenant, datetime.now(UTC))
    counts = {"open_holds": len(found.holds), "in_doubt": found.in_doubt, "entries": found.sequence}
    counts |= {"unreadable": found.unreadable}
    answer = {"pots": found.pots, "holds": found.holds[:SHOWN_MAX], **counts}
    terminal.show(answer, as_json, lambda: _shown(found, counts))


def _budgets(data_dir: Path | None) -> "TenantBudgets":
    from connectors.registry import codec_of
    from runtime.budgets import TenantBudgets
    from runtime.deployment import where

    kafka, registry = where(configured(data_dir))
    return TenantBudgets(kafka, codec_of(registry))


def _shown(found: "Standing", counts: dict[str, int]) -> None:
    terminal.rows(
        COLUMNS if found.pots else ["no budgets"], [[getattr(e, name) for name in COLUMNS] for e in found.pots]
    )
    terminal.counts(counts)
    for hold in found.holds[:SHOWN_MAX]:
        terminal.out.print("hold: ", end="")
        terminal.documents([msgspec.structs.asdict(hold)])
