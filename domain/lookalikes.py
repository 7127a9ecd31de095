"""Reads letters that only look Latin as the letters they look like."""

import re

_ALPHABETS = (0x1D400, 0x1D434, 0x1D468, 0x1D49C, 0x1D4D0, 0x1D5A0, 0x1D5D4, 0x1D608, 0x1D63C, 0x1D670)
"""Where mathematical letters begin, capitals and then small ones."""
_LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOOKALIKES = dict(
    zip(
        map(ord, "аеорсухіјѕһԁɡոМНВКТАЕОРСХІαοεικνρτυΑΒΕΖΗΙΚΜΝΟΡΤΥΧıﬁ"),
        "aeopcyxijshdgnMHBKTAEOPCXIaoeiknptuABEZHIKMNOPTYXif",
        strict=True,
    )
)
_LOOKALIKES |= {place: chr(place - 0xFEE0) for place in range(0xFF01, 0xFF5F)}
_LOOKALIKES |= {start + at: letter for start in _ALPHABETS for at, letter in enumerate(_LATIN)}


def plain_letters(text: str) -> str:
    """Returns the text in small letters, letters that only look Latin as such, no sign more or less."""
    plain = text if text.isascii() else text.translate(_LOOKALIKES)
    small = plain.lower()
    if len(small) != len(text):
        small = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in plain)
    return re.sub(r"[\s\u00a0]", " ", small.replace("’", "'"))
