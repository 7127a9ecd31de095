"""The commands of what things cost on a real Kafka: prices in two times, the ledger, an invoice, recommendations."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from typer.testing import CliRunner

from domain.administration import UnknownTenant
from domain.definitions import BadDefinition
from runtime.cli import app
from runtime.definitions import BadFile, Overtaken, read
from runtime.deployment import prepare
from runtime.money import adjust
from runtime.settings import Settings, settings
from schemas.codec import Codec
from schemas.events import Balance, CallStatus, EntryKind, Message, StepStatus
from tests.domain.entries import MAY, Writer, answered
from tests.domain.events import call, digest_of, step
from tests.harness import events, feed

MODELS = {
    "id": "default",
    "default": "local",
    "models": [
        {"id": "local", "provider": "local"},
        {"id": "somebody/m", "provider": "somebody", "input_usd_micros_per_million": 1_000_000},
    ],
}
PINNED = {"models_digest": digest_of(MODELS)}
BOOK = """
id: default
prices:
  - model: somebody/m
    valid_from: 2026-05-01T00:00:00Z
    input_usd_micros_per_million: 2000000
    output_usd_micros_per_million: 0
"""
INVOICE = """id,model,input_tokens,output_tokens,amount_usd,time
a,m,10,0,0.00002,2026-05-01
b,m,10,0,0.000021,2026-05-01
d,m,7,0,0.000007,2026-05-01
stranger,m,1,0,1,2026-05-01
e,m,1,0,a lot,2026-05-01
"""
BUDGETS = """
id: default
title: What acme may spend
budgets:
  - {id: month, limit_usd_micros: 1000}
  - {id: each-team, scope: team, limit_usd_micros: 500, period: total}
  - {id: night, scope: team, of: night-shift, limit_usd_micros: 100}
"""
NOTHING = {"limit_usd_micros": 0, "held_usd_micros": 0, "billed_usd_micros": 0}
Said = Callable[..., tuple[int, Any]]


@pytest.fixture
def auterity(log: Any, registered: Codec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Said]:
    """Runs a command with --json, and returns its exit status and what it said; the registry is asked once for all."""
    monkeypatch.setattr("connectors.registry.codec_of", lambda _: registered)
    monkeypatch.setenv("AUTERITY_KAFKA", log.bootstrap)
    monkeypatch.setenv("AUTERITY_REGISTRY", log.registry)
    monkeypatch.setenv("AUTERITY_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    prepare(log.bootstrap, log.registry, Settings(), [("models", MODELS)])

    def said(*arguments: str) -> tuple[int, Any]:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr

    yield said
    settings.cache_clear()


def test_the_past_is_priced_again_and_an_invoice_settled_each_once_and_the_ledger_adds_up(
    auterity: Said, log: Any, registered: Codec, tmp_path: Path
) -> None:
    writer = Writer()
    entries = [*writer.attempt("a", 10, **PINNED), *writer.attempt("b", 10, **PINNED), *writer.doubt("d", **PINNED)]
    feed(log, [registered.encode(each, "test") for each in (*entries, answered("a", 10, 0), answered("b", 10, 0))])
    book, invoice = tmp_path / "prices.yaml", tmp_path / "invoice.csv"
    book.write_text(BOOK)
    invoice.write_text(INVOICE)

    def decided() -> None:
        """Does what the tenant's one writer does with what is asked for."""
        asked = [each for each in events(log, registered, "budget-entries") if not each.sequence]
        feed(log, [registered.encode(writer.decided(each), "test") for each in asked[writer.sequence - len(entries) :]])

    before = datetime.now(UTC).isoformat()
    assert [each["version"] for each in auterity("prices", "set", str(book))[1]] == [1]
    assert auterity("prices", "set", str(book)) == (0, [])
    assert [each["model"] for each in auterity("prices", "list")[1]] == ["somebody/m"]
    now = auterity("prices", "show", "somebody/m")[1]
    then = auterity("prices", "show", "somebody/m", "--known-at", before)[1]
    early = auterity("prices", "show", "somebody/m", "--at", "2026-04-30")[1]
    assert [(each["says"], each["input_usd_micros_per_million"]) for each in (now, then, early)] == [
        ("prices", 2_000_000),
        ("models", 1_000_000),
        ("models", 1_000_000),
    ]

    restate = ("prices", "restate", "--from", "2026-05-01", "--to", "2026-06-01")
    [delta] = auterity(*restate, "--dry-run")[1]["deltas"]
    assert (delta["attempts"], delta["delta_usd_micros"]) == (2, 20)
    assert auterity("ledger")[1]["billed_usd_micros"] == 120
    assert [auterity(*restate)[1]["adjustments"] for _ in range(2)] == [1, 0]
    decided()
    assert auterity(*restate)[1] == {
        "deltas": [],
        "adjustments": 0,
        "unchanged": 2,
        "in_doubt": 1,
        "reconciled": 0,
        "without_usage": 0,
    }

    reconcile = ("ledger", "reconcile", str(invoice), "--provider", "somebody")
    status, found = auterity(*reconcile, "--apply")
    counts = {name: count for name, count in found["counts"].items() if count}
    assert (status, counts) == (
        1,
        {
            "agreed": 1,
            "different": 1,
            "settles": 1,
            "only_invoice": 1,
            "bad": 1,
            "applied": 1,
            "invoice_usd_micros": 1_000_048,
            "ledger_usd_micros": 140,
        },
    )
    assert (found["bad"][0]["number"], found["different"][0]["differs"]) == (6, ["amount"])
    assert auterity(*reconcile, "--apply")[1]["counts"]["applied"] == 0
    decided()
    invoice.write_text(INVOICE.replace("0.000021", "0.000020").split("stranger")[0])
    assert auterity(*reconcile)[0] == 0

    asked = writer.write(EntryKind.ADJUSTMENT_REQUESTED, "x", sequence=0)
    with pytest.raises(Overtaken):
        adjust(log.bootstrap, registered, [asked, structs.replace(asked, amount_usd_micros=1)])
    ledger = auterity("ledger", "--by", "model")[1]
    assert [(each["key"], each["billed_usd_micros"]) for each in ledger["rows"]] == [("somebody/m", 47)]
    assert (ledger["in_doubt"], ledger["held_usd_micros"], ledger["gaps"]) == (0, 0, 0)


def test_a_missing_entry_fails_the_ledger_and_is_named(auterity: Said, log: Any, registered: Codec) -> None:
    feed(log, [registered.encode(each, "test") for each in [*Writer().attempt("a", 10), Writer("bolt").doubt("b")[1]]])

    status, said = auterity("ledger")
    assert (status, said["missing"]) == (1, [{"tenant_id": "bolt", "first": 1, "last": 1}])


def test_recommendations_come_with_the_runs_that_are_their_evidence(
    auterity: Said, log: Any, registered: Codec
) -> None:
    asked = {"messages": [Message(role="user", content="hi")], "max_tokens": 100, **PINNED}
    took = {"model": "somebody/m", "input_tokens": 10, "cost_usd_micros": 10, "max_tokens": 100, "task": "t", **PINNED}
    said = []
    for name in ("one", "two"):
        said += [
            call(CallStatus.REQUESTED, call_id=name, run_id=name, event_id=f"{name} asked", **asked),
            call(CallStatus.COMPLETED, call_id=name, run_id=name, event_id=f"{name} over", occurred_at=MAY, **took),
            step(status=StepStatus.COMPLETED, run_id=name, event_id=f"{name} step"),
        ]
    feed(log, [registered.encode(each, "test") for each in said])

    found = auterity("recommendations", "--tenant", "acme")[1]
    assert [(each["kind"], each["saving_usd_micros"], each["run_ids"]) for each in found] == [
        ("exact_caching", 10, ["two"])
    ]
    assert auterity("recommendations", "--tenant", "bolt")[1] == []


def test_how_full_each_pot_is_follows_from_the_entries_and_what_cannot_be_set_is_named(
    auterity: Said, log: Any, registered: Codec, tmp_path: Path
) -> None:
    file = tmp_path / "budgets.yaml"
    file.write_text(BUDGETS)
    with pytest.raises(UnknownTenant, match="no tenant is called acme"):
        auterity("budgets", "set", str(file), "--tenant", "acme")
    auterity("tenants", "create", "acme")
    file.write_text(BUDGETS.replace("limit_usd_micros: 1000", "limit_usd_micros: much"))
    with pytest.raises(BadDefinition, match=r"budgets.yaml: budgets: Expected `int`.*budgets\[0\].limit_usd_micros"):
        auterity("budgets", "set", str(file), "--tenant", "acme")
    file.write_text(BUDGETS)
    with pytest.raises(BadDefinition, match="say whose with --tenant"):
        auterity("define", str(file))
    assert [each["version"] for each in auterity("budgets", "set", str(file), "--tenant", "acme")[1]] == [1]
    assert auterity("budgets", "set", str(file), "--tenant", "acme") == (0, [])
    assert [each["id"] for each in auterity("budgets", "list", "--tenant", "acme")[1]] == [
        "month",
        "each-team",
        "night",
    ]
    empty = {"month": ("acme", 0, 0, "within"), "night": ("night-shift", 0, 0, "within")}
    assert _pots(auterity) == empty

    now = datetime.now(UTC)
    month, lease = now.strftime("%Y-%m"), now + timedelta(minutes=5)
    writer, pots = Writer(), [("month", "acme", month), ("each-team", "day-shift", "total")]
    balances = [Balance(budget=name, member=member, window=span, **NOTHING) for name, member, span in pots]
    known = {"occurred_at": now, "balances": balances, "team": "day-shift"}
    held = {**known, "lease_until": lease, "amount_usd_micros": 300, "held_usd_micros": 300}
    settled = {**known, "held_usd_micros": -300, "billed_usd_micros": 180}
    told = [
        writer.write(EntryKind.HELD, "a", **held),
        writer.write(EntryKind.HELD, "b", **held),
        writer.write(EntryKind.SETTLED, "a", **settled),
    ]
    feed(log, [registered.encode(each, "test") for each in (*told, told[1])])
    found = auterity("budgets", "show", "--tenant", "acme")[1]
    assert _pots(auterity) == {
        "month": ("acme", 300, 180, "within"),
        "each-team": ("day-shift", 300, 180, "downgrade"),
        "night": ("night-shift", 0, 0, "within"),
    }
    assert [(each["call_id"], each["amount_usd_micros"]) for each in found["holds"]] == [("b", 300)]
    assert (found["open_holds"], found["entries"], found["pots"][1]["percent"]) == (1, 3, 96.0)


def _pots(auterity: Said) -> dict[str, Any]:
    names = ("member", "held_usd_micros", "billed_usd_micros", "level")
    found = auterity("budgets", "show", "--tenant", "acme")[1]["pots"]
    return {each["budget"]: tuple(each[name] for name in names) for each in found}


def test_the_names_of_a_tenants_people_are_kept_and_shown_to_nobody(
    auterity: Said, log: Any, registered: Codec, tmp_path: Path
) -> None:
    file = tmp_path / "people.txt"
    file.write_text("Ada Lovelace\n\n  Grace Hopper\nAda Lovelace\n")
    auterity("tenants", "create", "acme")
    assert auterity("privacy", "names", str(file), "--tenant", "acme")[1] == {"tenant": "acme", "names": 2}
    assert "Lovelace" not in str(auterity("tenants", "list"))
    tenant = read(log.bootstrap, registered).tenant("acme")
    assert tenant is not None and tenant.names == ["Ada Lovelace", "Grace Hopper"]
    file.write_bytes(b"\xff")
    with pytest.raises(BadFile, match=r"people.txt: "):
        auterity("privacy", "names", str(file), "--tenant", "acme")
