"""Writes day.jsonl, a day at a car dealership: `python -m examples.dealership.generate`. The same on every run."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from examples.dealership import words

TARGET = Path(__file__).parent / "day.jsonl"
SEED = 20260317
OPENS = datetime(2026, 3, 17, 7, 30, tzinfo=ZoneInfo("Europe/Berlin"))
OPEN_MINUTES = 690
"""To 19:00."""
COUNTS = {"lead": 72, "service": 50, "invoice": 28}
STEPS = {"lead": (2, 5), "service": (1, 3), "invoice": (1, 2)}
"""How many of a kind's events a subject has, at least and at most."""
HOME = ("eu-de", "eu-de", "eu-de", "eu-de", "eu-de", "eu-at", "eu-ch")
ABROAD_SHARE, REFUSING_SHARE, CARLESS_SHARE = 0.12, 0.06, 0.08
"""Of subjects: from outside the EU; of leads: without consent; of service bookings: without a VIN."""
PHONES = {
    "eu-de": "+49 30 23125 {:03}",
    "eu-at": "+43 720 0105 {:03}",
    "eu-ch": "+41 44 555 0{:03}",
    "us": "+1 312 555 01{:02}",
    "cn": "+86 21 5555 0{:03}",
    "uk": "+44 20 7946 0{:03}",
    "in": "+91 22 5550 0{:03}",
}
"""Numbers kept free for films and examples, where a country has such."""


def day() -> str:
    """Returns the day's events as JSON Lines, in the order of time."""
    chance = Random(SEED)
    subjects = [(kind, number) for kind, count in COUNTS.items() for number in range(count)]
    abroad = set(chance.sample(range(len(subjects)), round(ABROAD_SHARE * len(subjects))))
    refusing = set(chance.sample(range(COUNTS["lead"]), round(REFUSING_SHARE * COUNTS["lead"])))
    carless = set(chance.sample(range(COUNTS["service"]), round(CARLESS_SHARE * COUNTS["service"])))
    events: list[dict[str, Any]] = []
    for place, (kind, number) in enumerate(subjects):
        region = chance.choice(sorted(words.ABROAD)) if place in abroad else chance.choice(HOME)
        about = _about(chance, kind, number, region)
        if kind == "lead":
            about["consent"] = False if number in refusing else chance.choice((True,) * 6 + (None,))
        if kind == "service" and number in carless:
            about["vin"] = None
        events += _story(chance, kind, about)
    events.sort(key=lambda event: (event["at"], event["subject"]))
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)


def check_digit(vin: str) -> str:
    """Returns the digit that belongs in the ninth place of a 17 character VIN (ISO 3779, as North America has it)."""
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum((values[c] if c in values else int(c)) * weight for c, weight in zip(vin, weights, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def _about(chance: Random, kind: str, number: int, region: str) -> dict[str, Any]:
    """Returns what all events of a subject say."""
    firsts, lasts = words.ABROAD.get(region, (words.FIRST, words.LAST))
    first, last = chance.choice(firsts), chance.choice(lasts)
    model = chance.choice(list(words.MODELS))
    phone = PHONES[region].format(chance.randrange(100 if region == "us" else 1000))
    about: dict[str, Any] = {
        "subject": f"{kind}-{number + 1001}",
        "kind": kind,
        "customer": f"{first} {last}",
        "email": f"{first}.{last}@{chance.choice(('example.com', 'example.org', 'example.net'))}".lower(),
        "phone": phone,
        "region": region,
        "vin": _vin(chance),
        "model": model,
    }
    if kind == "lead":
        about |= {"vin": None, "price_eur": f"{words.MODELS[model] + chance.randrange(-15, 40) * 100}.00"}
    elif kind == "service":
        about["consent"] = chance.choice((True, True, None))
    else:
        supplier = chance.choice(words.SUPPLIERS)
        about |= {"customer": supplier, "email": f"billing{chance.randrange(10, 99)}@example.com"}
        about |= {"vin": chance.choice((about["vin"], None)), "model": None}
        about["invoice_number"] = f"RE-2026-{chance.randrange(1000, 9999)}"
        about["amount_eur"] = f"{chance.randrange(45, 9800)}.{chance.randrange(100):02}"
        about["due"] = (OPENS + timedelta(days=chance.choice((14, 30)))).date().isoformat()
    return about


def _story(chance: Random, kind: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the events of one subject, spread over what is left of the day."""
    count = chance.randint(*STEPS[kind])
    gaps = [0] + [chance.randrange(4 * 60, OPEN_MINUTES * 60 // (count + 1)) for _ in range(count - 1)]
    at = chance.randrange(OPEN_MINUTES * 60 - sum(gaps))
    story: list[dict[str, Any]] = []
    for event, gap in zip(words.EVENTS[kind], gaps, strict=False):
        at += gap
        said = {"at": (OPENS + timedelta(seconds=at)).isoformat(), "event": event, **about}
        if not story or chance.random() < 0.35:
            said["note"] = _note(chance, kind, about)
        story.append({name: value for name, value in said.items() if value is not None})
    return story


def _note(chance: Random, kind: str, about: dict[str, Any]) -> str:
    """Returns one to four sentences; in a third of the notes one of them holds what should not stand there."""
    spoken = {"lead": words.LEAD, "service": words.SERVICE, "invoice": words.INVOICE}[kind]
    sentences = chance.sample(spoken, chance.randint(1, 3))
    if chance.random() < 0.33:
        private = chance.choice(list(words.PRIVATE))
        sentences.insert(chance.randint(0, len(sentences)), chance.choice(words.PRIVATE[private]))
    facts = {"iban": chance.choice(words.IBANS), "card": chance.choice(words.CARDS)}
    facts |= {name: about[name] for name in ("email", "phone")} | {"model": about["model"] or ""}
    return " ".join(sentence.format(**facts) for sentence in sentences)


def _vin(chance: Random) -> str:
    """Returns a VIN with the right check digit, of a maker that does not exist."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    middle = "".join(chance.choice(letters) for _ in range(5))
    plain = f"W9N{middle}0{chance.choice('NPRST')}A{chance.randrange(1_000_000):06}"
    return plain[:8] + check_digit(plain) + plain[9:]


if __name__ == "__main__":
    TARGET.write_text(day(), encoding="utf-8")
