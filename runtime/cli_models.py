"""The commands of which model answers: `auterity models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from runtime import terminal
from runtime.options import DataDir, Json, configured

if TYPE_CHECKING:
    from domain.ranking import Routing
    from runtime.models import Catalogue, Offered
    from schemas.events import Ranked

models_app = typer.Typer(
    no_args_is_help=True,
    help="The models: `list`, `show` one, `route` a call without making it, `narrow` a tenant to some.",
)

Which = Annotated[str, typer.Option("--models", help="Which definition of models, as a workflow names it.")]
Whose = Annotated[str | None, typer.Option("--tenant", help="As this tenant has them and may use them.")]
Roles = Annotated[
    list[str] | None, typer.Option("--role", help="What the caller is; repeatable. Unset: a program or an event.")
]
File = Annotated[Path | None, typer.Option("--file", help="A YAML file in place of the log: no platform has to run.")]
CRITERIA = ("quality", "safety", "cost", "latency", "reliability")


@models_app.command("list")
def models_list(
    which: Which = "default",
    tenant: Whose = None,
    role: Roles = None,
    file: File = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the models, what each can do and costs, and whether the caller may use it."""
    found = _catalogue(data_dir, which, tenant, role, file).offered()
    columns = ["id", "family", "can", "safety", "reasoning", "context", "$ in/out per million", "used by the caller"]
    terminal.show([_said(each) for each in found], as_json, lambda: terminal.rows(columns, map(_row, found)))


@models_app.command("show")
def models_show(
    model: Annotated[str, typer.Argument(help="Its id.")],
    which: Which = "default",
    tenant: Whose = None,
    role: Roles = None,
    file: File = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show all that is known of one model."""
    found = _said(_catalogue(data_dir, which, tenant, role, file).model(model))
    terminal.show(found, as_json, lambda: terminal.documents([found]))


@models_app.command("narrow")
def models_narrow(
    tenant: Annotated[str, typer.Argument(help="Its name.")],
    models: Annotated[list[str] | None, typer.Argument(help="Ids or families; none: all that it may use.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say which models a tenant narrows itself to; the local one stays."""
    from runtime.deployment import where
    from runtime.tenants import Tenants

    done = Tenants(*where(configured(data_dir))).narrow(tenant, models or [])
    said = {"tenant": done["id"], "models": done["models"]}
    terminal.show(said, as_json, lambda: terminal.documents([said]))


@models_app.command("route")
def models_route(
    task: Annotated[str, typer.Option("--task", help="The type of task, as a step says it.")] = "",
    tokens: Annotated[int, typer.Option("--tokens", min=0, max=2**31 - 1, help="Read at most.")] = 1_000,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, max=32_768, help="Of the answer.")] = 256,
    max_cost: Annotated[int | None, typer.Option("--max-cost", min=0, help="Micro-dollars of an attempt.")] = None,
    max_latency: Annotated[int | None, typer.Option("--max-latency", min=0, help="Milliseconds.")] = None,
    region: Annotated[list[str] | None, typer.Option("--region", help="Served from nowhere else; repeatable.")] = None,
    compliance: Annotated[list[str] | None, typer.Option("--compliance", help="Certified for; repeatable.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="A model that may be asked; repeatable.")] = None,
    need: Annotated[list[str] | None, typer.Option("--need", help="Such as json, tools, images; repeatable.")] = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="Nothing may leave the platform.")] = False,
    last_resort: Annotated[bool, typer.Option(help="Whether the local model may stand in for another.")] = True,
    broken: Annotated[list[str] | None, typer.Option("--broken", help="Its breaker is open; repeatable.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Read how the calls on the log ended; all of them.")
    ] = False,
    which: Which = "default",
    tenant: Whose = None,
    role: Roles = None,
    file: File = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show who would answer a call, and why nobody else: nothing is asked, and nothing is written."""
    from domain.ranking import routed_fields
    from runtime.models import question

    limits: dict[str, Any] = {
        "cost_usd_micros_max": max_cost,
        "latency_ms_max": max_latency,
        "last_resort": last_resort,
    }
    limits |= {"regions": region or [], "compliance": compliance or [], "models": only or []}
    said: dict[str, Any] = {"task": task, "input_tokens_max": tokens, "max_tokens": max_tokens, "constraints": limits}
    asked = question(said | {"needs": sorted({"chat", *(need or [])}), "restricted": restricted})
    catalogue = _catalogue(data_dir, which, tenant, role, file)
    routing = catalogue.route(asked, catalogue.history() if history else {}, frozenset(broken or []))
    terminal.show(routed_fields(routing), as_json, lambda: _show(routing))


def _catalogue(
    data_dir: Path | None, which: str, tenant: str | None, roles: list[str] | None, file: Path | None
) -> "Catalogue":
    from runtime.models import in_file, on_log

    if file is not None:
        return in_file(file, tenant, tuple(roles or ()))
    return on_log(configured(data_dir), which, tenant, tuple(roles or ()))


def _said(offered: "Offered") -> dict[str, Any]:
    return {**msgspec.to_builtins(offered.model), "allowed": not offered.refused, "refused": offered.refused}


def _row(offered: "Offered") -> list[str]:
    model = offered.model
    price = f"{model.input_usd_micros_per_million / 1e6:g} / {model.output_usd_micros_per_million / 1e6:g}"
    known = [str(each) if each else "-" for each in (model.safety, model.reasoning, model.context_tokens)]
    return [model.id, model.family, ", ".join(model.capabilities), *known, price, offered.refused or "yes"]


def _show(routing: "Routing") -> None:
    chosen = routing.chosen
    who = f"{chosen.model}{' (degraded)' if routing.degraded else ''}" if chosen is not None else "nobody"
    route = f"route {routing.route}" if routing.route else "no route"
    terminal.out.print(f"{who} would answer; {route}", markup=False, highlight=False, soft_wrap=True)
    columns = ["model", "score", "\n".join(CRITERIA), "micro-dollars\nat most", "ms", "standing"]
    terminal.rows(columns, map(_line, routing.ranking))


def _line(ranked: "Ranked") -> list[Any]:
    cost = ranked.cost_usd_micros_max if ranked.cost_usd_micros_max >= 0 else "-"
    scores = " ".join(str(ranked.scores[each]) for each in CRITERIA)
    return [ranked.model, ranked.score, scores, cost, ranked.latency_ms or "-", f"{ranked.standing}: {ranked.reason}"]
