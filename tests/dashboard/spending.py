"""What a tenant spends in ten days: entries as their one writer puts them on the log, its budgets and its prices."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.ids import derive
from runtime.definitions import put, read
from schemas.codec import Codec
from schemas.events import Balance, BudgetEntry, EntryKind
from tests.dashboard.platform import REAL
from tests.domain.entries import Writer

TENANT, MODEL, CHEAPER = REAL, "openai/gpt-4o", "openai/gpt-4o-mini"
DAYS = 10
HELD = 9_000
LEASE = timedelta(minutes=15)
BUDGETS = {
    "id": "default",
    "budgets": [
        {"id": "month", "limit_usd_micros": 200_000},
        {"id": "each-team", "scope": "team", "limit_usd_micros": 190_000},
        {"id": "night", "scope": "team", "of": "night-shift", "period": "day", "limit_usd_micros": 3_000},
    ],
}
WORKFLOWS = (("incident-triage", "day-shift", MODEL), ("invoice-check", "night-shift", CHEAPER))
REASON = (
    "restated 2026-11-01T00:00:00+00:00..2026-11-20T00:00:00+00:00 through 60: "
    "20 attempts, 90000 -> 81000 micro-dollars; prices aa -> bb"
)


def define(bootstrap: str, codec: Codec) -> None:
    """Says what the tenant may spend, and what models cost it."""
    cost = {"input_usd_micros_per_million": 2_500_000, "output_usd_micros_per_million": 10_000_000}
    less = {"input_usd_micros_per_million": 2_250_000, "output_usd_micros_per_million": 9_000_000}
    prices = [
        {"model": MODEL, "valid_from": "2026-01-01T00:00:00Z", **cost},
        {
            "model": MODEL,
            "valid_from": "2026-11-01T00:00:00Z",
            **less,
            "cached_input_usd_micros_per_million": 1_125_000,
        },
        {"model": CHEAPER, "valid_from": "2026-01-01T00:00:00Z", **{name: part // 16 for name, part in cost.items()}},
    ]
    bodies = [("budgets", BUDGETS), ("prices", {"id": "default", "prices": prices})]
    put(bootstrap, "test", bodies, read(bootstrap, codec), codec, datetime.now(UTC), TENANT)


def entries(now: datetime) -> list[BudgetEntry]:
    """Returns what was held and billed until now, with a doubt, an open hold, and what pricing again changed."""
    writer, found = Writer(TENANT), []
    for number in range(DAYS * 4):
        at = now - timedelta(days=DAYS - 1 - number // 4, minutes=4 - number % 4)
        workflow, team, model = WORKFLOWS[number % 3 % 2]
        said = _said(number, at, workflow, team, model)
        cost = (4_321 if model == MODEL else 1_234) + 37 * number
        found.append(
            writer.write(
                EntryKind.HELD,
                f"call-{number}",
                held_usd_micros=HELD,
                lease_until=at + LEASE,
                balances=_pots(at, team),
                **said,
            )
        )
        end = {"held_usd_micros": -HELD, "billed_usd_micros": HELD if number == 20 else cost, "in_doubt": number == 20}
        found.append(writer.write(EntryKind.SETTLED, f"call-{number}", **said, **end))
    moment = {"occurred_at": now, "model": MODEL, "workflow": ""}
    again = {"run_id": "", "call_id": "", "attempt": 0, "amount_usd_micros": -9_000, "billed_usd_micros": -9_000}
    found.append(writer.write(EntryKind.ADJUSTED, "restated", **moment, **again, reason=REASON))
    last = _said(99, now, *WORKFLOWS[0])
    lease = {"held_usd_micros": HELD, "amount_usd_micros": HELD, "lease_until": now + LEASE}
    found.append(writer.write(EntryKind.HELD, "call-99", **last, **lease, balances=_pots(now, "day-shift")))
    return found


def _said(number: int, at: datetime, workflow: str, team: str, model: str) -> dict[str, Any]:
    names = {"workflow": workflow, "team": team, "model": model, "provider": "openai", "principal": f"key/{team}"}
    return {"occurred_at": at, "run_id": derive("run", str(number)), "step": "answer", **names}


def _pots(at: datetime, team: str) -> list[Balance]:
    month, day = at.strftime("%Y-%m"), at.strftime("%Y-%m-%d")
    pots = [("month", TENANT, month), ("each-team", team, month)]
    pots += [("night", team, day)] if team == "night-shift" else []
    nothing = {"limit_usd_micros": 0, "held_usd_micros": 0, "billed_usd_micros": 0}
    return [Balance(budget=budget, member=member, window=when, **nothing) for budget, member, when in pots]
