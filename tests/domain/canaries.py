"""500 texts with personal data, each with its values and their kinds, and texts that only look like it; all made up.

The same texts each time: a generator of our own, with a fixed seed, draws from the templates.
"""

from random import Random

from msgspec import Struct

SEED = 20_261_122
COUNT = 500

FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "José", "Siobhán", "Mary-Ann", "Wei", "Olu"]
LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Núñez", "O'Connor", "Smythe-Jones", "Zhang", "Adeyemi"]
NAMES = tuple(f"{first} {last}" for first in FIRST for last in LAST)
STREETS = [
    "Oak Street",
    "Maple Avenue",
    "Washington Blvd",
    "Elm St",
    "Old Mill Road",
    "Sunset Drive",
    "Martin Luther King Jr Blvd",
    "5th Ave",
    "Cedar Ln",
    "Highland Park Terrace",
    "N. Lake Shore Drive",
    "Willow Court",
]
CITIES = [
    "Springfield, IL 62704",
    "Portland, OR 97201",
    "New York, NY 10118-0110",
    "Austin TX 73301",
    "St. Paul, MN 55101",
]
ENGLISH = [
    "14 Rosebery Avenue, London EC1R 4TD",
    "221B Baker Street, London NW1 6XE",
    "Flat 3, 8 Church Lane, Oxford OX1 4BJ",
    "27 King's Road, Brighton BN1 1NR",
    "1 The Crescent, York YO24 1AW",
]
FRAMES = [
    "{} Please update the file and call back before noon.",
    "Dear team,\n\n{}\n\nBest regards, the front desk",
    "Ticket 20394, opened 2024-03-02: {} Priority is high, 3 attempts were made.",
    "> {}\n> thanks\n\nForwarded by the night shift at 02:15.",
    "Summary of the visit. {} Blood pressure 120/80, pulse 72, temperature 37.2.",
    "{}",
    "note to self - {} - and order 12 boxes of gloves",
    'The agent wrote: "{}" and closed the chat after 14 minutes.',
]


class Canary(Struct, frozen=True):
    """A text and what in it must not be left: kind and value."""

    text: str
    values: list[tuple[str, str]]


def canaries() -> list[Canary]:
    """Returns the 500 texts."""
    random = Random(SEED)
    return [_canary(random, number) for number in range(COUNT)]


def _canary(random: Random, number: int) -> Canary:
    sentences, values = [], []
    kinds = sorted(_SENTENCES)
    for kind in dict.fromkeys([kinds[number % len(kinds)], *random.sample(kinds, random.randint(0, 3))]):
        value = _VALUES[kind](random)
        sentence = random.choice(_SENTENCES[kind])
        if random.random() < 0.15:
            sentence = sentence.lower().replace("{}", "\0").replace("\0", "{}")
            value = value.lower() if kind not in {"passport"} and random.random() < 0.5 else value
        sentences.append(sentence.format(value))
        values.append((kind, value))
    return Canary(random.choice(FRAMES).format(" ".join(sentences)), values)


def _digits(random: Random, count: int) -> str:
    return "".join(random.choice("0123456789") for _ in range(count))


def _luhn(body: str) -> str:
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(body)))
    return f"{body}{-total % 10}"


def _card(random: Random) -> str:
    prefix, length = random.choice([("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("2221", 16)])
    card = _luhn(prefix + _digits(random, length - len(prefix) - 1))
    if length == 15:
        return random.choice(["{}{}{}", "{} {} {}", "{}-{}-{}", "{}.{}.{}"]).format(card[:4], card[4:10], card[10:])
    parts = [card[at : at + 4] for at in range(0, 16, 4)]
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    return random.choice(
        [
            "".join(parts),
            " ".join(parts),
            "-".join(parts),
            ".".join(parts),
            " - ".join(parts),
            "\u00a0".join(parts),
            "–".join(parts),
            f"{parts[0]} {parts[1]}\n{parts[2]} {parts[3]}",
            f"{card[:8]}-\n{card[8:]}",
            "/".join(parts),
            "_".join(parts),
            "\u200b".join(parts),
            " ".join(parts).translate(wide),
            "  ".join(parts),
        ]
    )


def _iban(random: Random) -> str:
    country, length = random.choice([("DE", 22), ("GB", 22), ("FR", 27), ("NL", 18), ("SE", 24)])
    account = ("WEST" if country == "GB" else "INGB" if country == "NL" else "") + _digits(random, 30)
    account = account[: length - 4]
    check = 98 - int("".join(str(int(letter, 36)) for letter in f"{account}{country}00")) % 97
    iban = f"{country}{check:02}{account}"
    parts = [iban[at : at + 4] for at in range(0, length, 4)]
    return random.choice(
        [iban, " ".join(parts), "-".join(parts), ".".join(parts), " ".join(parts[:3]) + "\n" + " ".join(parts[3:])]
    )


def _email(random: Random) -> str:
    first, last = (
        random.choice(["ada", "grace", "o'neil", "j.r", "mary-ann"]),
        random.choice(["lovelace", "hopper", "smith99"]),
    )
    host = random.choice(["example.com", "mail.example.co.uk", "example.org", "clinic.example.net"])
    return random.choice(
        [
            f"{first}.{last}@{host}",
            f"{first}_{last}+news@{host}",
            f"{first.upper()}@{host.upper()}",
            f"{last} (at) {host}",
            f"{last}@\n{host}",
            f"{last} [at] example [dot] com",
            f"{last}＠{host}",
        ]
    )


def _phone(random: Random) -> str:
    area, middle, last = f"{random.randint(201, 989)}", f"{random.randint(201, 989)}", _digits(random, 4)
    return random.choice(
        [
            f"({area}) {middle}-{last}",
            f"{area}-{middle}-{last}",
            f"{area}.{middle}.{last}",
            f"+1 {area} {middle} {last}",
            f"1-{area}-{middle}-{last}",
            f"+1.{area}.{middle}.{last}",
            f"{area} {middle} {last}",
            f"{area}{middle}{last}",
            f"+44 20 7946 0{_digits(random, 3)}",
            f"020 7946 0{_digits(random, 3)}",
            f"+44.20.7946.0{_digits(random, 3)}",
            f"+46 31\n3{_digits(random, 2)} {_digits(random, 2)} {_digits(random, 2)}",
            f"{area}–{middle}–{last}",
            f"+49 (0)171 {_digits(random, 7)}",
            f"({area}){middle}-{last} ext. 12",
            f"00 46 70 {_digits(random, 3)} {_digits(random, 4)}",
        ]
    )


def _ssn(random: Random) -> str:
    one, two, three = f"{random.randint(1, 665):03}", f"{random.randint(1, 99):02}", f"{random.randint(1, 9999):04}"
    return random.choice(
        [
            f"{one}-{two}-{three}",
            f"{one} {two} {three}",
            f"{one}{two}{three}",
            f"{one}.{two}.{three}",
            f"{one}–{two}–{three}",
            f"{one}-{two}-\n{three}",
            f"{one} - {two} - {three}",
            f"{one}/{two}/{three}",
        ]
    )


def _vin(random: Random) -> str:
    letters = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    numbers = [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)]
    vin = (
        random.choice(["1HG", "5YJ", "JH4", "2T1"])
        + "".join(random.choice(letters) for _ in range(10))
        + _digits(random, 4)
    )
    rest = sum(numbers[letters.index(letter)] * weight for letter, weight in zip(vin, weights, strict=True)) % 11
    vin = f"{vin[:8]}{'0123456789X'[rest]}{vin[9:]}"
    return random.choice([vin, f"WVWZZZ{vin[6:]}", vin.lower()])


def _dob(random: Random) -> str:
    year, month, day = random.randint(1930, 2015), random.randint(1, 12), random.randint(1, 28)
    name = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ][month - 1]
    return random.choice(
        [
            f"{month:02}/{day:02}/{year}",
            f"{year}-{month:02}-{day:02}",
            f"{day}.{month}.{year}",
            f"{day} {name} {year}",
            f"{name} {day}, {year}",
            f"{day}-{name[:3]}-{year}",
            f"{year}{month:02}{day:02}",
            f"{day}th of {name} {year}",
            f"{month}/{day}/{year % 100:02}",
            f"{day:02} / {month:02} / {year}",
        ]
    )


def _mrn(random: Random) -> str:
    digits = _digits(random, random.randint(6, 9))
    return random.choice(
        [digits, f"A{digits}", f"{digits[:3]}-{digits[3:]}", f"{digits[:2]} {digits[2:4]} {digits[4:]}", f"MR-{digits}"]
    )


def _nhs(random: Random) -> str:
    while True:
        nine = _digits(random, 9)
        rest = (11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11) % 11
        if rest < 10:
            number = f"{nine}{rest}"
            return random.choice(
                [number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"]
            )


def _npi(random: Random) -> str:
    return _luhn("80840" + random.choice("12") + _digits(random, 8))[5:]


def _mbi(random: Random) -> str:
    def letter() -> str:
        return random.choice("ACDEFGHJKMNPQRTUVWXY")

    mbi = f"{random.randint(1, 9)}{letter()}{letter()}{_digits(random, 1)}{letter()}{_digits(random, 2)}"
    mbi += f"{letter()}{letter()}{_digits(random, 2)}"
    return random.choice([mbi, f"{mbi[:4]}-{mbi[4:7]}-{mbi[7:]}", mbi.lower()])


def _passport(random: Random) -> str:
    return random.choice(
        [
            _digits(random, 9),
            f"L{_digits(random, 8)}",
            f"AB {_digits(random, 7)}",
            f"C{_digits(random, 4)}X{_digits(random, 3)}",
        ]
    )


def _licence(random: Random) -> str:
    one = _digits(random, 3)
    return random.choice(
        [
            f"D{_digits(random, 7)}",
            _digits(random, 9),
            f"S{one}-{_digits(random, 4)}-{_digits(random, 4)}",
            f"MORGA{random.randint(0, 9)}0{random.randint(1, 9)}1{random.randint(0, 9)}{random.randint(0, 9)}SM9IJ",
        ]
    )


def _ip(random: Random) -> str:
    return random.choice(
        [
            f"203.0.113.{random.randint(1, 254)}",
            f"8.{random.randint(1, 9)}.8.{random.randint(1, 254)}",
            f"2001:db8::{random.randint(1, 9)}a2e:{_digits(random, 3)}:7334",
            f"2a02:908:1:2:3:4:5:{random.randint(1, 99)}",
        ]
    )


def _address(random: Random) -> str:
    if random.random() < 0.3:
        return random.choice(ENGLISH)
    number, street, city = random.randint(1, 9999), random.choice(STREETS), random.choice(CITIES)
    unit = random.choice(["", "", ", Apt 4B", ", Suite 210", " #12"])
    between = random.choice([", ", "\n", " "])
    return random.choice(
        [f"{number} {street}{unit}{between}{city}", f"{number} {street}", f"P.O. Box {number}, {city}"]
    )


def _name(random: Random) -> str:
    name = random.choice(NAMES)
    first, _, last = name.partition(" ")
    return random.choice(
        [name, name.upper(), name.lower(), f"{last}, {first}", f"{first} Q. {last}", f"{first}\n{last}"]
    )


_VALUES = {
    "card": _card,
    "iban": _iban,
    "email": _email,
    "phone": _phone,
    "ssn": _ssn,
    "vin": _vin,
    "dob": _dob,
    "mrn": _mrn,
    "nhs": _nhs,
    "npi": _npi,
    "mbi": _mbi,
    "passport": _passport,
    "licence": _licence,
    "ip": _ip,
    "address": _address,
    "name": _name,
}
_SENTENCES = {
    "card": [
        "Charge it to {}.",
        "card {}, exp 12/27",
        "Payment with {} was declined",
        "The number on the card is {} (Visa).",
    ],
    "iban": ["Refund to {}, please.", "IBAN: {}.", "My account {} is empty.", "wire it to {} today"],
    "email": ["Write to {} instead.", "contact={};", "The sender was <{}>.", "E-mail {}, urgent."],
    "phone": ["Call {} after six.", "Phone: {}.", "tel {}, ask for the nurse", "You can reach me at {}.", "fax {};"],
    "ssn": ["SSN {}.", "Social security number: {}.", "her ssn is {}, as said", "Soc. Sec. # {};"],
    "vin": ["VIN {}.", "The car {} was towed.", "chassis number {}, grey", "vehicle: {};"],
    "dob": ["DOB {}.", "Date of birth: {}.", "She was born on {}, in Leeds.", "d.o.b. {};", "birthday {}."],
    "mrn": [
        "MRN {}.",
        "Medical record number: {}.",
        "patient id {}, ward 3",
        "Patient No. {};",
        "hospital number is {}.",
    ],
    "nhs": ["NHS number {}.", "NHS no: {}.", "nhs {}, checked"],
    "npi": ["NPI {}.", "National Provider Identifier: {}.", "the doctor's NPI is {}, active"],
    "mbi": ["Medicare {}.", "MBI: {}.", "Her beneficiary identifier is {}, part B."],
    "passport": ["Passport {}.", "Passport number: {}.", "passport no. {}, expires soon"],
    "licence": ["Driver's license {}.", "Driving licence no: {}.", "DL# {}, class B", "drivers license number is {}."],
    "ip": ["Login from {}.", "ip={};", "The request came from {}, twice."],
    "address": ["Ship it to {}.", "He lives at {}.", "Address: {}.", "My new address is {}, thanks."],
    "name": ["Patient {} called.", "From: {}.", "{} wants a refund, said the clerk.", "the case of {}'s car"],
}

LOOKALIKES = """
Order 4111111111111112 was shipped.
Invoice INV-2024-0012345 over 1,250.00 USD is due on 2024-04-01.
Version 10.2.1 replaces version 9.8.7.6 of the driver.
The build 1.2.3.4 failed, see v2.0.0.1 instead.
Tracking number 1Z999AA10123456784 is on its way.
The meeting is on 12/05/2024 at 10:30 in room 12.
Totals: 1 000 000 000 and 2 500 000.
Part no. 123-456-78 fits, 12-345-6789 does not.
ISBN 978-3-16-148410-0 is out of print.
SKU 00-1234-5678-X is back in stock.
It took 5 minutes on the way to the drive.
There were 3 cars in the street and 2 on the road.
12 new street lamps and 4 road signs were put up.
The ratio is 16:9, the time 12:30:45.
Ping 127.0.0.1 and 192.168.0.1 first.
MAC 00:1a:2b:3c:4d:5e answers.
Case 2024-118 was closed in 1999.
Epoch 1336000000 and 1336000000000 are the same moment.
The hash is 9f86d081884c7d659a2feaa0c55ad015.
UUID 0190b6a0-0000-7000-8000-000000000001 is new.
The patient numbered 12 pages.
Medical records were lost in 2019.
The song was born in 1975.
Passport photos cost 12 dollars.
Our software license 12345678 runs out.
Temperature 37.2, pulse 72, pressure 120/80.
Coordinates 52.5200065999999, 13.404954.
Chapter 3.2.1.4 explains it.
Batch 000-12-3456 and lot 666-12-3456 were recalled.
Model X200-300-4000 needs 230 V.
Code 1HGCM82633A004353 is no vehicle.
In 2023, 2024 and 2025 we sold 4000 4100 and 4200 units.
Pay 100 USD or 95.50 EUR.
The score was 21-12-2019 in points.
PO 5551234567 was approved.
Account manager of team 9 sends 10 % of 2500.
Room 405 holds 30 people.
The flight leaves at 06:45 from gate B12.
Password reset at 2024-05-01T08:00:00Z.
Serial 99-9999-99999 of unit 7.
Table 12 lists 300 items.
Ratio 1:2:3:4 works.
Call it a day.
Step 10 way points were set.
Read 5 pages per day on average.
Form 1040 and form W-2 are due.
The A4 at 120 km/h.
Q3 2024 grew by 4.5 %.
Ticket 1-364285768 and 1-740866691.
Dial tone tests took 12 seconds.
""".strip().splitlines()
"""Each must stay as it is."""
