"""The command line: `auterity COMMAND`. Exit 0 done, 1 failed, 2 wrong use."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime import terminal
from runtime.cli_budgets import budgets_app
from runtime.cli_identity import keys_app, tenants_app, users_app
from runtime.cli_models import models_app
from runtime.cli_money import ledger_app, prices_app, recommendations_app
from runtime.cli_privacy import privacy_app
from runtime.cli_providers import providers_app
from runtime.cli_webhooks import webhooks_app
from runtime.memory import bound
from runtime.options import DataDir, Json, Tenant, configured
from runtime.settings import Settings
from schemas.errors import AuterityError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
runs_app = typer.Typer(no_args_is_help=True, help="The runs: `list` them, `show` one.")
app.add_typer(runs_app, name="runs")
app.add_typer(keys_app, name="keys")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(users_app, name="users")
app.add_typer(tenants_app, name="tenants")
app.add_typer(providers_app, name="providers")
app.add_typer(models_app, name="models")
app.add_typer(privacy_app, name="privacy")
app.add_typer(budgets_app, name="budgets")
app.add_typer(prices_app, name="prices")
app.add_typer(ledger_app, name="ledger")
app.add_typer(recommendations_app, name="recommendations")


def main() -> None:
    """Runs the command; what goes wrong is one line on standard error and exit status 1."""
    bound()
    try:
        app()
    except AuterityError as error:
        terminal.fail(str(error))
    except KeyboardInterrupt:
        terminal.fail("interrupted")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


@app.command()
def up(
    data_dir: DataDir = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the analytics; 0: any free one.")] = 0,
    kafka_port: Annotated[int, typer.Option("--kafka-port", min=0, max=65535, help="0: any free one.")] = 0,
    registry_port: Annotated[int, typer.Option("--registry-port", min=0, max=65535, help="0: any free one.")] = 0,
    gateway_port: Annotated[int, typer.Option("--gateway-port", min=0, max=65535, help="0: any free one.")] = 0,
    as_json: Json = False,
) -> None:
    """Start Kafka, the registry, the worker, the analytics, the read models and the gateway; stop them at Ctrl-C."""
    import threading

    from runtime import platform

    conf = configured(data_dir)
    wanted = platform.Ports(port, kafka_port, registry_port, gateway_port)
    if detach:
        with terminal.spinner("starting", quiet=as_json):
            facts = platform.detach(conf, wanted)
        terminal.show(facts.public(), as_json, lambda: terminal.facts(facts))
        return
    from runtime.logs import configure

    configure(conf.log_level)
    stop = threading.Event()
    platform.stop_on_signals(stop.set)
    here = platform.Platform(conf, wanted)
    with here.running(terminal.note) as facts:
        terminal.show(facts.public(), as_json, lambda: terminal.facts(facts))
        here.watch(stop)


@app.command()
def down(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Stop everything that runs for the data directory."""
    from runtime import platform

    stopped = platform.down(configured(data_dir).data_dir)
    terminal.show({"stopped": stopped}, as_json, lambda: terminal.out.print(", ".join(stopped) or "nothing ran"))


@app.command()
def status(
    data_dir: DataDir = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until nothing is left to do.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait at most.")] = 600.0,
    as_json: Json = False,
) -> None:
    """Show the parts, what each stage has not taken yet, and whether all is idle."""
    from runtime import platform
    from runtime import status as state

    conf = configured(data_dir)
    facts = platform.facts(conf)
    found = state.wait(facts, conf, timeout) if wait else state.status(facts, conf)
    terminal.show(found, as_json, lambda: terminal.status(found))
    if wait and not found.idle:
        reasons = "; ".join(found.reasons or ["it was not idle twice running"])
        terminal.fail(f"not idle after {timeout:.0f} s: {reasons}")


@app.command()
def define(
    files: Annotated[list[Path] | None, typer.Argument(help="YAML files; none: those that come along.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Whose they are; unset: everybody's.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Publish workflows, rules and models; a new version only where something changed. Makes missing topics too."""
    from runtime import deployment

    made = deployment.define(configured(data_dir), files or [], tenant)
    found = [{"kind": each.kind, "id": each.id, "version": each.version, "digest": each.digest} for each in made]
    columns = ["kind", "id", "version", "digest"]
    terminal.show(found, as_json, lambda: terminal.rows(columns, [list(each.values()) for each in found]))


@app.command()
def ingest(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines, JSON, Avro or Parquet; plain, .gz or .zst.")],
    source: Annotated[str, typer.Option("--source", help="A shipped source definition, or a YAML file.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Whose events they are; made when it is new.")],
    workflow: Annotated[str | None, typer.Option("--workflow", help="The workflow the events may start.")] = None,
    skip_bad_rows: Annotated[str, typer.Option("--skip-bad-rows", help="How many, or `all`.")] = "0",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Publish a file's rows as business events; what is on the log already is not sent again."""
    from connectors.ingest import IngestStopped
    from runtime import ingestion, platform

    conf = configured(data_dir)
    facts = platform.facts(conf)
    bad_rows_max = None if skip_bad_rows == "all" else _number("--skip-bad-rows", skip_bad_rows)
    with terminal.Bar(quiet=as_json) as bar:
        try:
            done = ingestion.run(facts, file, source, tenant, workflow, bad_rows_max, bar)
        except IngestStopped as error:
            done, reason = error.ingested, str(error)
        else:
            reason = "" if done.complete else f"{file.name}: stopped; the same command goes on where this one ended"
    counts = {name: getattr(done, name) for name in ("read", "accepted", "duplicates", "rejected", "seconds")}
    terminal.show(counts, as_json, lambda: terminal.counts(counts))
    if reason:
        terminal.fail(reason)


@app.command()
def events(
    topic: str,
    tenant: Tenant = None,
    correlation_id: Annotated[str | None, typer.Option("--correlation-id", help="Only what follows from one.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 20,
    first: Annotated[bool, typer.Option("--first", help="The first ones in place of the last.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show events of a topic as they lie on the log."""
    from runtime import events as log
    from runtime import platform

    facts = platform.facts(configured(data_dir))
    codec = _codec(facts.registry)
    found = log.events(
        facts.kafka, codec, topic, tenant=tenant, correlation_id=correlation_id, limit=limit, first=first
    )
    terminal.show(found, as_json, lambda: terminal.documents(found))


@app.command()
def query(
    sql: str,
    tenant: Tenant = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds at most.")] = 60.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask the analytics in SQL (ClickHouse's dialect; reading only)."""
    from runtime import platform
    from runtime.ask import ask

    conf = configured(data_dir)
    table = ask(platform.facts(conf), conf, sql, tenant, timeout)
    answer = {"columns": list(table.columns), "rows": table.rows}
    terminal.show(answer, as_json, lambda: terminal.rows(table.columns, table.rows))


@runs_app.command("list")
def runs_list(
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the latest runs."""
    from runtime import platform
    from runtime.runs import runs

    conf = configured(data_dir)
    found = runs(platform.facts(conf), conf, tenant, limit)
    columns = list(found[0]) if found else ["no runs"]
    terminal.show(found, as_json, lambda: terminal.rows(columns, [list(each.values()) for each in found]))


@runs_app.command("show")
def runs_show(run_id: str, tenant: Tenant = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one run: request, steps, decisions with their rules, AI calls with tokens and cost, each with its place."""
    from runtime import platform
    from runtime.runs import run, tree

    conf = configured(data_dir)
    moments = run(platform.facts(conf), conf, run_id, tenant)
    terminal.show({"run_id": run_id, "events": moments}, as_json, lambda: terminal.out.print(tree(run_id, moments)))


@app.command()
def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Make every decision again and compare.")] = False,
    tenant: Tenant = None,
    begin: Annotated[str | None, typer.Option("--from", help="From this append time on (ISO 8601).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this append time (ISO 8601).")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make every decision again from the log, with the recorded answers, and compare."""
    import time

    from domain.replay import Bounds
    from runtime import platform
    from runtime import replay as runner

    if not verify:
        raise typer.BadParameter("say --verify")
    conf = configured(data_dir)
    facts = platform.facts(conf)
    bounds = Bounds(tenant, _moment("--from", begin), _moment("--to", end))
    started = time.monotonic()
    with terminal.Bar(quiet=as_json) as bar:
        verdict = runner.verify(facts.kafka, conf.group_prefix, _codec(facts.registry), bounds, bar)
    seconds = round(time.monotonic() - started, 3)
    answer = {
        "checked": verdict.checked,
        "differences": len(verdict.differences),
        "digest": verdict.digest,
        "seconds": seconds,
        "first": verdict.differences[0] if verdict.differences else None,
        "other_version": verdict.other_version,
        "pending": verdict.pending,
        "topics": {
            topic: {"records": verdict.records[topic], "digest": verdict.digests[topic]} for topic in verdict.digests
        },
    }
    terminal.show(answer, as_json, lambda: terminal.verdict(verdict, seconds))
    if verdict.differences:
        first = verdict.differences[0]
        place = f"{first.topic}/{first.partition}/{first.offset}, {first.field}"
        terminal.fail(f"{len(verdict.differences)} differences; first at {place}")


@app.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop the platform after the summary.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run a day at a car dealership through the platform, show what happened, and leave it up until Ctrl-C."""
    from runtime import demo as show

    show.run(configured(data_dir), leave or as_json, as_json)


@app.command()
def bench(
    workloads: Annotated[
        list[str] | None, typer.Argument(help="Workloads; none: all.", metavar="[WORKLOAD]...")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="A workload; may be said again.")] = None,
    peers: Annotated[list[str] | None, typer.Option("--peers", help="Peers, with commas between; unset: all.")] = None,
    repetitions: Annotated[int | None, typer.Option("--repetitions", min=1, help="Of each row (5).")] = None,
    events: Annotated[int | None, typer.Option("--events", min=100, help="Events in the data (200,000).")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few events, once: to see that all of it runs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into benchmarks/README.md.")] = False,
    as_json: Json = False,
) -> None:
    """Measure Auterity and its peers: same data, one core each, in turn; medians and ratios. At most 25 minutes."""
    from runtime import bench as benchmarks

    named = [*(only or []), *(workloads or [])]
    try:
        report = benchmarks.bench(named, peers or [], events, repetitions, quick, terminal.note)
    except benchmarks.WrongName as error:
        raise typer.BadParameter(str(error)) from None
    if write:
        benchmarks.write(report)
    terminal.show(report, as_json, lambda: benchmarks.show(report))
    if lost := [each for each in report.skipped if each.peer == "auterity"]:
        terminal.fail("; ".join(f"{each.workload}: {each.reason}" for each in lost))


@app.command()
def doctor(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Check what the platform needs on this machine."""
    from runtime.doctor import findings

    found = findings(configured(data_dir))
    terminal.show(found, as_json, lambda: terminal.findings(found))
    if any(not each.ok for each in found):
        terminal.fail("; ".join(f"{each.what}: {each.found}" for each in found if not each.ok))


@app.command()
def worker(
    data_dir: DataDir = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes to run side by side.")] = 1,
    number: Annotated[int, typer.Option("--number", min=1, max=64, hidden=True)] = 1,
) -> None:
    """Run the stages and agents until SIGTERM; with `--workers`, in so many processes that are kept running."""
    conf, kafka, registry = _process(data_dir)
    if workers == 1:
        from runtime.worker import run_worker

        run_worker(kafka, registry, conf.data_dir, conf, number)
        return
    import threading

    from runtime import platform, supervisor

    stop = threading.Event()
    platform.stop_on_signals(stop.set)
    env = {"AUTERITY_KAFKA": kafka, "AUTERITY_REGISTRY": registry}
    supervisor.supervise(supervisor.workers(conf.data_dir, workers, env), stop)


@app.command()
def analytics(
    data_dir: DataDir = None,
    port: Annotated[int, typer.Option("--port", help="Port of the embedded engine's answers.")] = 0,
) -> None:
    """Fill ClickHouse from the topics in this process until SIGTERM; the embedded engine answers on the port."""
    from runtime.analytics import run_analytics

    conf, kafka, registry = _process(data_dir)
    run_analytics(kafka, registry, conf.data_dir, port, conf)


@app.command("read-models")
def read_models(
    data_dir: DataDir = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make them anew from the topics, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Keep the read models up to date with the topics in this process until SIGTERM."""
    from runtime import read_models as models

    conf, kafka, registry = _process(data_dir)
    if not rebuild:
        models.run_read_models(kafka, registry, conf.data_dir, conf)
        return
    with terminal.spinner("rebuilding", quiet=as_json):
        done = models.rebuild(kafka, registry, conf.data_dir, conf)
    terminal.show(done, as_json, lambda: terminal.counts({"records": done.records}))


@app.command()
def gateway(
    data_dir: DataDir = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; in a container 0.0.0.0.")
    ] = "127.0.0.1",
    proxy: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", help="An address or network whose X-Forwarded-For is believed; repeatable."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Pages from there may look on live, besides the gateway's own; repeatable."),
    ] = None,
    live_max: Annotated[
        int, typer.Option("--live-max", min=0, help="Connections of a tenant that look on live.")
    ] = 1000,
) -> None:
    """Take calls over HTTP until SIGTERM: plain HTTP, so what ends TLS stands in front of it."""
    from runtime.gateway import Terms, run_gateway

    conf, kafka, registry = _process(data_dir)
    run_gateway(kafka, registry, conf, port, host, Terms(proxy or [], origin or [], live_max))


def _process(data_dir: Path | None) -> tuple[Settings, str, str]:
    from runtime.data_dir import prepare
    from runtime.deployment import where
    from runtime.logs import configure

    conf = configured(data_dir)
    configure(conf.log_level)
    prepare(conf.data_dir)
    return conf, *where(conf)


def _codec(registry_url: str) -> Any:
    from connectors.registry import codec_of

    return codec_of(registry_url)


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text}: not a time as in ISO 8601") from None
    return round(moment.astimezone().timestamp() * 1000)


def _number(option: str, text: str) -> int:
    if not text.isdigit():
        raise typer.BadParameter(f"{option} {text}: neither a number nor `all`")
    return int(text)


if __name__ == "__main__":
    main()
