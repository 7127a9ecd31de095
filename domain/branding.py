"""Decides what a tenant's pages may look like: a name, a logo, and colours that can be told from what lies behind."""

import re
from base64 import b64decode
from typing import Annotated

from msgspec import Meta, Struct

from domain.names import Name
from schemas.errors import Rejected

KIND = "branding"
DEFAULT = "default"
"""The one definition of a tenant that counts."""
LOGO_BYTES_MAX = 100_000
LOGO_CHARACTERS_MAX = 133_400
"""Of the data URL."""
LIGHT, DARK = "#ffffff", "#121212"
"""What lies behind in the light and in the dark."""
CONTRAST_MIN = 3.0
"""Of an accent with what lies behind it: WCAG 2.2, 1.4.11."""
STARTS = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}
"""What the bytes of an image begin with. SVG is none: it may hold programs."""
_URL = re.compile(r"data:image/(png|jpeg|webp);base64,([A-Za-z0-9+/]+={0,2})\Z")
Colour = Annotated[str, Meta(pattern=r"^(#[0-9a-f]{6})?\Z")]


class BadBranding(Rejected):
    """The branding is not one that pages can have."""


class Branding(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a tenant's pages look, as a definition of it; what is empty is as it comes."""

    id: Name = DEFAULT
    name: Annotated[str, Meta(max_length=60)] = ""
    logo: Annotated[str, Meta(max_length=LOGO_CHARACTERS_MAX)] = ""
    """A data URL of a PNG, JPEG or WebP."""
    accent: Colour = ""
    accent_dark: Colour = ""
    """In the dark."""


class Look(Struct, frozen=True, kw_only=True):
    """What pages show: nothing is empty but the logo. `..._text` is what is read best on an accent."""

    name: str
    logo: str
    accent: str
    accent_text: str
    accent_dark: str
    accent_dark_text: str


USUAL = Branding(name="Auterity", accent="#2557d6", accent_dark="#8ab4f8")
"""How pages look of who says nothing."""


def look(said: Branding | None) -> Look:
    """Returns what pages show."""
    found = said or USUAL
    accent, dark = found.accent or USUAL.accent, found.accent_dark or USUAL.accent_dark
    return Look(
        name=found.name or USUAL.name,
        logo=found.logo,
        accent=accent,
        accent_text=_text_on(accent),
        accent_dark=dark,
        accent_dark_text=_text_on(dark),
    )


def flaw(branding: Branding) -> str:
    """Returns what is wrong with a branding, empty when nothing is."""
    if branding.id != DEFAULT:
        return f"the branding that counts is called {DEFAULT}"
    if not branding.name.isprintable():
        return "name: it has characters that cannot be printed"
    for field, colour, behind in (("accent", branding.accent, LIGHT), ("accent_dark", branding.accent_dark, DARK)):
        if colour and (found := contrast(colour, behind)) < CONTRAST_MIN:
            return f"{field}: a contrast of {found:.2f} to 1 with {behind}, less than {CONTRAST_MIN:.0f} to 1"
    return _logo_flaw(branding.logo) if branding.logo else ""


def contrast(one: str, other: str) -> float:
    """Returns the contrast ratio of two colours (#rrggbb), 1 to 21: WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _text_on(colour: str) -> str:
    return max(("#ffffff", "#000000"), key=lambda each: contrast(each, colour))


def _logo_flaw(logo: str) -> str:
    found = _URL.match(logo)
    if found is None:
        return "logo: no data URL of a PNG, JPEG or WebP in base64"
    try:
        content = b64decode(found[2], validate=True)
    except ValueError:
        return "logo: no base64"
    if len(content) > LOGO_BYTES_MAX:
        return f"logo: {len(content)} bytes, more than {LOGO_BYTES_MAX}"
    if not content.startswith(STARTS[found[1]]) or (found[1] == "webp" and content[8:12] != b"WEBP"):
        return f"logo: its bytes are no {found[1].upper()}"
    return ""
