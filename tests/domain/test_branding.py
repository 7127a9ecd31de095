"""Colours that can be told apart, and logos that are pictures and nothing else."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.branding import CONTRAST_MIN, DARK, LIGHT, LOGO_BYTES_MAX, USUAL, Branding, contrast, flaw, look

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


PNG = url("png", b"\x89PNG\r\n\x1a\n" + bytes(20))


@given(COLOURS, COLOURS)
def test_contrast_is_that_of_the_standard(one: str, other: str) -> None:
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21.0001
    assert contrast(one, one) == 1


def test_contrasts_that_are_known_come_out() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(COLOURS, COLOURS)
def test_what_is_taken_can_be_told_from_what_lies_behind_and_read(accent: str, dark: str) -> None:
    if not flaw(Branding(accent=accent, accent_dark=dark)):
        shown = look(Branding(accent=accent, accent_dark=dark))
        assert contrast(shown.accent, LIGHT) >= CONTRAST_MIN and contrast(shown.accent_dark, DARK) >= CONTRAST_MIN
        assert contrast(shown.accent, shown.accent_text) >= 4.5
        assert contrast(shown.accent_dark, shown.accent_dark_text) >= 4.5


def test_how_pages_look_of_who_says_nothing_is_without_a_flaw() -> None:
    assert flaw(USUAL) == flaw(Branding()) == ""
    assert look(None) == look(Branding()) == look(USUAL)


@pytest.mark.parametrize(
    ("logo", "why"),
    [
        (PNG, ""),
        (url("jpeg", b"\xff\xd8\xff\xe0" + bytes(9)), ""),
        (url("webp", b"RIFF\x00\x00\x00\x00WEBPVP8 "), ""),
        (url("webp", b"RIFF\x00\x00\x00\x00WAVEfmt "), "logo: its bytes are no WEBP"),
        (url("png", b"\xff\xd8\xff"), "logo: its bytes are no PNG"),
        (url("svg+xml", b"<svg onload='x'/>"), "logo: no data URL of a PNG, JPEG or WebP in base64"),
        ("https://elsewhere.example/logo.png", "logo: no data URL of a PNG, JPEG or WebP in base64"),
        ("data:image/png;base64,AAAAA", "logo: no base64"),
        (url("png", bytes(LOGO_BYTES_MAX + 1)), f"logo: {LOGO_BYTES_MAX + 1} bytes, more than {LOGO_BYTES_MAX}"),
    ],
)
def test_a_logo_is_a_picture_that_holds_no_program(logo: str, why: str) -> None:
    assert flaw(Branding(logo=logo)) == why
