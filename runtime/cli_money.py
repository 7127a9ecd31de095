"""The commands of what things cost: `auterity prices`, `auterity ledger`, `auterity recommendations`."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runtime import terminal
from runtime.options import DataDir, Json, Tenant, configured

if TYPE_CHECKING:
    from runtime.money import Topics
    from runtime.prices import PriceBooks
    from runtime.settings import Settings
    from schemas.codec import Codec

prices_app = typer.Typer(no_args_is_help=True, help="What models cost: `set`, `list`, `show`, `restate`.")
ledger_app = typer.Typer(help="What was billed, and what is held; `reconcile` it with an invoice.")
recommendations_app = typer.Typer(help="Where money could be saved, as far as the log has evidence.")

SHOWN_MAX = 100
"""Rows of a kind that are listed; their number is always said."""

KnownAt = Annotated[str | None, typer.Option("--known-at", help="As known then (ISO 8601; UTC unless it says).")]


class By(StrEnum):
    TENANT = "tenant"
    MODEL = "model"
    WORKFLOW = "workflow"
    DAY = "day"
    PRINCIPAL = "principal"
    TEAM = "team"


@prices_app.command("set")
def prices_set(
    file: Annotated[Path, typer.Argument(help="A YAML file with `id: default` and `prices`.")],
    tenant: Annotated[str | None, typer.Option("--tenant", help="Whose own they are; unset: everybody's.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a file's prices the newest version of the price book; older versions stay known for their time."""
    made = _books(data_dir, tenant).set(file)
    found = [{"kind": each.kind, "id": each.id, "version": each.version, "digest": each.digest} for each in made]
    terminal.show(found, as_json, lambda: terminal.documents(found or [{"unchanged": str(file)}]))


@prices_app.command("list")
def prices_list(
    tenant: Tenant = None, known_at: KnownAt = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List every price, a tenant's own before the platform's."""
    found = _books(data_dir, tenant).listed(_known("--known-at", known_at))
    columns = list(found[0]) if found else ["no prices"]
    terminal.show(found, as_json, lambda: terminal.rows(columns, [list(each.values()) for each in found]))


@prices_app.command("show")
def prices_show(
    model: str,
    at: Annotated[str | None, typer.Option("--at", help="At this moment; unset: now.")] = None,
    known_at: KnownAt = None,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what a model costs at a moment, as known at another, and who says so."""
    moment = _moment("--at", at) or datetime.now(UTC)
    found = _books(data_dir, tenant).shown(model, moment, _known("--known-at", known_at))
    terminal.show(found, as_json, lambda: terminal.documents([found]))


@prices_app.command("restate")
def prices_restate(
    begin: Annotated[str, typer.Option("--from", help="From this moment on (ISO 8601; UTC unless it says).")],
    end: Annotated[str | None, typer.Option("--to", help="Before this moment; unset: now.")] = None,
    tenant: Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Price past attempts as prices are known now, and put the differences on the ledger; the old figures stay."""
    first, last = _moment("--from", begin), _moment("--to", end) or datetime.now(UTC)
    assert first is not None
    if first >= last:
        raise typer.BadParameter(f"--from {first.isoformat()} is not before --to {last.isoformat()}")
    found, asked = _books(data_dir, tenant).restate(first, last, dry_run)
    deltas = [
        {
            "tenant_id": each.tenant_id,
            "model": each.model,
            "attempts": each.attempts,
            "old_usd_micros": each.old_usd_micros,
            "new_usd_micros": each.new_usd_micros,
            "delta_usd_micros": each.usd_micros,
            "old_digests": each.old_digests,
            "new_digests": each.books,
            "id": each.id,
        }
        for each in found.deltas
    ]
    names = ("unchanged", "in_doubt", "reconciled", "without_usage")
    counts = {"adjustments": asked, **{name: getattr(found, name) for name in names}}
    terminal.show({"deltas": deltas, **counts}, as_json, lambda: _listed(deltas, counts))


@ledger_app.callback(invoke_without_command=True)
def ledger(
    context: typer.Context,
    tenant: Tenant = None,
    by: Annotated[By, typer.Option("--by", help="What the sums are by.")] = By.TENANT,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with what ClickHouse says.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Add up the ledger from its first entry: what was billed, what is held, what is in doubt, what is missing."""
    if context.invoked_subcommand is not None:
        return
    from domain.ledger import compare
    from runtime import money, platform

    conf = configured(data_dir)
    topics = _topics(conf, tenant)
    found = money.ledger(topics)
    rows = found.rows(by)
    unlike = compare(rows, money.counted(platform.facts(conf), conf, by, tenant)) if verify else []
    holds, doubt, gaps = found.open_holds(), found.in_doubt(), found.gaps()
    counts = {
        "billed_usd_micros": found.billed_usd_micros,
        "held_usd_micros": found.held_usd_micros,
        "entries": found.entries,
        "open_holds": len(holds),
        "in_doubt": len(doubt),
        "gaps": len(gaps),
        "repeated": found.repeated,
        "unreadable": topics.unreadable,
    }
    listed = {"holds": holds[:SHOWN_MAX], "doubts": doubt[:SHOWN_MAX], "missing": gaps[:SHOWN_MAX]}
    answer = {"by": by, "rows": rows, **counts, **listed, "verified": verify and not unlike, "unlike": unlike}
    terminal.show(answer, as_json, lambda: _summed(by, rows, counts, listed))
    if gaps:
        first = gaps[0]
        terminal.fail(f"{first.tenant_id}: no entry has sequence {first.first}..{first.last}; {len(gaps)} gaps in all")
    if unlike:
        one = unlike[0]
        said = [
            f"{row.billed_usd_micros} billed, {row.held_usd_micros} held" if row else "nothing"
            for row in (one.ledger, one.other)
        ]
        terminal.fail(
            f"{len(unlike)} sums differ from ClickHouse's; {by} {one.key!r}: {said[0]} on the log, {said[1]} there"
            " (what it has not taken yet: `auterity status --wait`)"
        )


@ledger_app.command("reconcile")
def ledger_reconcile(
    invoice: Annotated[Path, typer.Argument(help="CSV: id, model, input_tokens, output_tokens, amount_usd, time.")],
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose invoice it is; unset: all attempts.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="id=request_id: what a column is called there; repeatable.")
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", help="The invoice is for attempts from then on.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="... and before then.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Settle the attempts in doubt that it names.")] = False,
    tenant: Tenant = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Compare a provider's invoice with the ledger, line by line; exit 1 when something differs."""
    from runtime.reconciliation import Question, compare

    question = Question(
        file=invoice,
        columns=_columns(column or []),
        provider=provider,
        tenant_id=tenant,
        begin=_moment("--from", begin),
        end=_moment("--to", end),
    )
    kafka, codec = _log(configured(data_dir))
    done = compare(kafka, codec, question, apply)
    found = done.found
    lists: dict[str, Any] = {
        name: getattr(found, name) for name in ("different", "settles", "only_invoice", "only_ledger")
    }
    lists["bad"] = done.invoice.bad
    counts = {"agreed": len(found.agreed), **{name: len(each) for name, each in lists.items()}}
    counts |= {"outside": len(found.outside), "applied": done.applied}
    counts |= {"invoice_usd_micros": found.invoice_usd_micros, "ledger_usd_micros": found.ledger_usd_micros}
    answer = {"counts": counts, "invoice_exact_usd": done.invoice.exact_usd, **lists}
    terminal.show(answer, as_json, lambda: _reconciled(lists, counts))
    if not done.clean:
        names = ("different", "only_invoice", "only_ledger", "bad")
        left = {name: counts[name] for name in names} | {"in doubt": counts["settles"] - done.applied}
        terminal.fail("; ".join(f"{count} {name.replace('_', ' ')}" for name, count in left.items() if count))


@recommendations_app.callback(invoke_without_command=True)
def recommendations(tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show where money could be saved, the most first, with the evidence."""
    from runtime.definitions import read
    from runtime.recommendations import recommendations as from_log

    conf = configured(data_dir)
    kafka, codec = _log(conf)
    found = from_log(_topics(conf, tenant), read(kafka, codec))
    columns = ["tenant", "workflow", "step", "saves (micro-dollars)", "frees", "calls", "confidence", "what"]
    names = ("tenant_id", "workflow", "step", "saving_usd_micros", "freed_usd_micros", "calls", "confidence", "text")
    rows = [[getattr(each, name) for name in names] for each in found]
    terminal.show(found, as_json, lambda: terminal.rows(columns, rows))


def _books(data_dir: Path | None, tenant: str | None) -> "PriceBooks":
    from runtime.prices import PriceBooks

    return PriceBooks(*_log(configured(data_dir)), tenant)


def _log(conf: "Settings") -> tuple[str, "Codec"]:
    from connectors.registry import codec_of
    from runtime.deployment import where

    kafka, registry = where(conf)
    return kafka, codec_of(registry)


def _topics(conf: "Settings", tenant: str | None) -> "Topics":
    from runtime.money import Topics

    return Topics(*_log(conf), tenant)


def _moment(option: str, text: str | None) -> datetime | None:
    """A time without a zone is UTC, as the ledger's days are."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text}: not a time as in ISO 8601") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _known(option: str, text: str | None) -> int | None:
    moment = _moment(option, text)
    return None if moment is None else int(moment.timestamp() * 1000)


def _columns(said: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in said:
        name, _, there = each.partition("=")
        if not name or not there or name in found:
            raise typer.BadParameter(f"--column {each}: say each once, as in id=request_id")
        found[name] = there
    return found


def _listed(rows: list[dict[str, Any]], counts: dict[str, Any]) -> None:
    terminal.documents(rows[:SHOWN_MAX])
    terminal.counts(counts)


def _summed(by: str, rows: list[Any], counts: dict[str, int], listed: dict[str, Any]) -> None:
    terminal.rows(
        [by, "billed (micro-dollars)", "held", "entries"],
        [[each.key, each.billed_usd_micros, each.held_usd_micros, each.entries] for each in rows],
    )
    terminal.counts(counts)
    for name, each in listed.items():
        for one in each:
            terminal.out.print(f"{name}: ", end="")
            terminal.documents([one])


def _reconciled(lists: dict[str, Any], counts: dict[str, int]) -> None:
    for name, each in lists.items():
        for one in each[:SHOWN_MAX]:
            terminal.out.print(f"{name.replace('_', ' ')}:", end=" ")
            terminal.documents([one])
    terminal.counts(counts)
