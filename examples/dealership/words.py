"""The names and sentences of the day at the dealership; nobody in it is real."""


def _parted(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _parted(
    """Alena Arvid Bahar Bente Carla Cem Dario Edda Emre Fenja Frieda Gesa Goran Hanno Hilke Ilka Imre Janne Jette Kaja
Korbinian Laurin Levke Malin Matteo Nele Nuria Ole Paula Quirin Ronja Runa Sanja Silas Tilda Tjark Ulrike Veit
Wanda Yara Zoe"""
)
LAST = _parted(
    """Aberthal Birkwald Buchenried Dornfels Ebersgrund Falkenau Finsterbach Grauhof Hagenrode Harmsfeld Immental
Jorkberg Kaltenau Kieselbach Lindgrund Moosleitner Nebelung Ostrohm Pfeilbrunn Quellmoor Rabenstett Schlehdorn
Steinwurf Tannhaus Uhlenkamp Vossberg Weidenthal Winterhall Ziegelried"""
)
ABROAD = {
    "us": (("Avery", "Blake", "Dana", "Harper", "Jordan", "Reese"), ("Holloway", "Marsden", "Pruett", "Whitlock")),
    "cn": (("Jia", "Lan", "Ming", "Xue", "Yun"), ("Guan", "Shui", "Tong", "Yue")),
    "uk": (("Alfie", "Imogen", "Nell", "Rory"), ("Ashdown", "Cresswell", "Thornley")),
    "in": (("Anaya", "Ishan", "Kavya", "Rohan"), ("Devgan", "Malhar", "Sundaresh")),
}
SUPPLIERS = """Bremsen-Kontor Falkenau GmbH|Lackwerk Immental KG|Reifenhof Jorkberg e. K.|Nordlicht Teilehandel GmbH
Moosleitner Werkzeuge AG|Grauhof Transporte GmbH|Uhlenkamp Reinigung|Tannhaus Bürobedarf OHG
Alpenglas Weidenthal GmbH|Quellmoor Energie GmbH""".replace("\n", "|").split("|")
MODELS = {
    "Nordwind 3": 28990,
    "Nordwind 5 Kombi": 39450,
    "Nordwind City E": 24900,
    "Nordwind Terra Hybrid": 46200,
    "Nordwind Cargo": 33780,
    "Nordwind Aria Cabrio": 52400,
}
CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "4012 8888 8888 1881", "3782 822463 10005")
"""Numbers that payment providers publish for tests: the check digit is right, no account is behind them."""
IBANS = ("DE89 3704 0044 0532 0130 00", "AT61 1904 3002 3457 3201", "CH93 0076 2011 6238 5295 7")
"""Examples from the standard's documentation."""

LEAD = (
    "Saw the {model} on the website and would like to know what it costs with winter tyres.",
    "Is the {model} still available in dark green?",
    "We are a family of five and need three child seats in a row.",
    "Would trade in a nine year old estate with 142,000 km on it.",
    "How long is the delivery time at the moment, and can it be before the summer holidays?",
    "Interested in leasing over 36 months with 15,000 km a year.",
    "Please send an offer including the extended warranty.",
    "I drove the {model} of a friend and was impressed by how quiet it is.",
    "Does the price include registration and delivery to my door?",
    "Competitor offers a similar car 1,200 euros cheaper; can you match it?",
    "A test drive on a Saturday would suit me best.",
    "Wichtig ist mir eine Anhängerkupplung mit mindestens 1.800 kg.",
    "Gibt es für den {model} noch die Förderung?",
    "Bitte keine Anrufe vor neun Uhr.",
    "My company would pay, so I need the offer without VAT as well.",
    "What is the real range in winter on the motorway?",
)
SERVICE = (
    "The brakes squeal when it is cold, mostly at the front left.",
    "Annual inspection is due, 30,000 km.",
    "A warning light for tyre pressure comes on every morning.",
    "Please change to summer tyres; they are stored with you.",
    "The air conditioning smells musty since last week.",
    "There is a chip in the windscreen, about the size of a coin.",
    "Software update for the navigation, as in your letter.",
    "I need a replacement car for the day, automatic if possible.",
    "The rear door does not unlock with the key any more.",
    "Beim Anfahren ruckelt der Wagen, vor allem am Berg.",
    "Ölwechsel und bitte die Batterie prüfen.",
    "Can I wait for it, or does it take longer than two hours?",
    "Last time the invoice was higher than the estimate; please call before doing extra work.",
    "The charging cable gets stuck in the socket.",
)
INVOICE = (
    "Delivery of brake pads and discs as ordered.",
    "Two pallets, one of them with damaged packaging.",
    "The price per piece differs from our order by 4 percent.",
    "Monthly statement for cleaning the showroom.",
    "Payable within 14 days with 2 percent discount, 30 days net.",
    "Credit for the returned windscreen is already deducted.",
    "Lieferschein liegt bei, Menge stimmt.",
    "Second reminder; the first one seems to have been lost.",
    "Please note our new bank details.",
    "Includes a surcharge for express delivery.",
)
PRIVATE = {
    "email": (
        "Best reach me at {email}.",
        "Please send everything to {email}, not by post.",
        "Antwort bitte an {email}.",
    ),
    "phone": ("My number is {phone}.", "Call me on {phone} after five.", "Rückruf unter {phone} erbeten."),
    "iban": ("The deposit can be debited from {iban}.", "Refund goes to IBAN {iban}.", "Bitte überweisen auf {iban}."),
    "card": ("I paid the reservation with card {card}.", "Charge it to my card {card}, please."),
}
EVENTS = {
    "lead": ("lead created", "lead called", "test drive booked", "offer sent", "offer accepted"),
    "service": ("service requested", "slot confirmed", "car received", "work finished"),
    "invoice": ("invoice received", "invoice matched", "invoice approved"),
}
