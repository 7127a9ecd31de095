"""Finds e-mail addresses, telephone numbers and network addresses by what they look like."""

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

from domain.account_numbers import Found

_EMAIL = re.compile(r"(?<![\w.!#%'+~-])[\w.!#%'+~-]++@(?:\r?\n)?[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,24}")
_SPELLED = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[({]\s?at\s?[\])}]\s?[\w-]{1,63}"
    r"(?:(?:\s?[\[({]\s?dot\s?[\])}]\s?|\.)[\w-]{1,63}){1,5}"
    r"|(?<![\w.+-])[\w.+-]{1,64} at [\w-]{1,63}(?: dot [\w-]{1,63}){0,3} dot "
    r"(?:com|org|net|edu|gov|info|io|[a-z]{2})(?!\w)",
    re.IGNORECASE,
)
_DATE = r"\d([-/])\d\d\1(?:(?:19|20)\d\d(?!\d)|\d\d \d\d?:)"
_PHONE = re.compile(
    rf"[+0](?<!\w.)(?<!\d[./].)(?<![\dA-Z]-.)(?:(?<=\+)|(?!{_DATE})(?:0 ?)?)"
    r"(?!0)\d(?:[ \u00a0/()-]{0,2}\d){6,14}(?!\w)"
)
_OVER_LINES = re.compile(
    r"[+0](?:(?<=\+)|(?<!\w.)0)[1-9](?:[ \u00a0/()-]{0,2}\d){0,12}[ -]?\r?\n[ ]?(?:[ /()-]{0,2}\d){3,13}(?!\w)"
)
_DOTTED = re.compile(r"\+(?<!\w.)\d{1,3}(?:[. ]{1,2}\(?\d{1,5}\)?){2,6}(?![\w]|\.\d)", re.ASCII)
_SEPARATOR = r"[ \u00a0]?[-./·•_ \u00a0\n][ \u00a0]?"
_AMERICAN = re.compile(
    rf"[+1(2-9](?<![\w.,/$€£+-].)(?:(?:(?<=\+)1|(?<=1)){_SEPARATOR}[(2-9])?"
    rf"(?:(?<=\()[2-9]\d\d\)\s?(?:{_SEPARATOR})?|(?<=[2-9])\d\d{_SEPARATOR})"
    rf"[1-9]\d\d{_SEPARATOR}\d{{4}}(?:,?\s?(?:x|ext\.?|extension)\s?\d{{1,6}})?(?![\w]|[-./,]\d)",
    re.IGNORECASE | re.ASCII,
)
_CALLED = re.compile(
    r"(?<![a-z])(?:(?:tele)?phone|tel|call(?:ed)?|mobile|cell(?:ular)?|fax|whatsapp|sms|text(?:ed)?|reach(?:ed|able)?|"
    r"ring|rang|dial(?:led)?|hotline|landline|voicemail)(?![a-z])"
    r"(?:[\W_]{1,3}(?:is|was|on|at|no|nr|num|number|me|him|her|them|us|back|the|my|his|under|via|by|to|home|work)(?![a-z])){0,5}"
    r"[\W_]{1,5}(?P<value>\(?[2-9]\d\d\)?[-. \u00a0]{0,2}\d{3}[-. \u00a0]{0,2}\d{4}|[2-9]\d\d[-. \u00a0]\d{4})"
    r"(?!\w|[-./]\d)",
    re.IGNORECASE | re.ASCII,
)
_CALLS: tuple[str, ...] = (
    "phone",
    "tel",
    "call",
    "mobil",
    "cell",
    "fax",
    "whatsapp",
    "sms",
    "text",
    "reach",
    "ring",
    "rang",
    "dial",
)
_CALLS += ("hotline", "landline", "voicemail")
_V4 = re.compile(r"\d(?<![\w.].)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?!\w|\.\d)", re.ASCII)
_V6 = re.compile(r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f:]{2,38}(?:[0-9.]{4,12})?(?![\w:])", re.ASCII)
_VERSION = re.compile(r"(?:version|release|build|firmware|driver|v|section|clause|chapter)[\s:.#]{0,3}$", re.IGNORECASE)
_OWN_V4 = [IPv4Network(each) for each in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16")]
_OWN_V4 += [IPv4Network(each) for each in ("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")]
_OWN_V6 = [IPv6Network(each) for each in ("::/127", "fc00::/7", "fe80::/10", "ff00::/8")]


def emails(text: str) -> list[Found]:
    """Finds addresses such as name@host.example, and `name (at) host (dot) example`."""
    found = [match.span() for match in _EMAIL.finditer(text)] if "@" in text else []
    if _spelled(text):
        found = merged(found + [match.span() for match in _SPELLED.finditer(text)])
    return found


def phones(text: str) -> list[Found]:
    """Finds telephone numbers; a date is none.

    Those that begin with +, 00 or 0 and have 7 to 15 more digits; North American ones in groups; and any of seven or
    ten digits beside a word such as phone or call.
    """
    found = [match.span() for match in _PHONE.finditer(text)]
    found += [match.span() for match in _AMERICAN.finditer(text)]
    if "+" in text:
        found += [match.span() for match in _DOTTED.finditer(text) if 8 <= _digits(match.group()) <= 15]
    if "\n" in text:
        found += [match.span() for match in _OVER_LINES.finditer(text) if 9 <= _digits(match.group()) <= 13]
    found += labelled(text, _CALLED, _CALLS)
    return merged(found)


def addresses_of_networks(text: str) -> list[Found]:
    """Finds IPv4 and IPv6 addresses, but those of private networks, loopback and multicast, which name nobody."""
    found = []
    if text.count(".") >= 3:
        found += [match.span() for match in _V4.finditer(text) if _v4(match.group()) and not _versioned(text, match)]
    if "::" in text or text.count(":") >= 7:
        found += [match.span() for match in _V6.finditer(text) if _v6(match.group())]
    return sorted(found)


def labelled(text: str, pattern: re.Pattern[str], words: Sequence[str]) -> list[Found]:
    """Returns where the pattern's `value` stands; the pattern begins with one of the words, in small letters here.

    Looks only where such a word stands, which most texts have none of.
    """
    low = text.lower()
    if len(low) != len(text):
        return merged([match.span("value") for match in pattern.finditer(text)])
    found = []
    for word in words:
        at = low.find(word)
        while at >= 0:
            match = pattern.match(text, at)
            if match is not None:
                found.append(match.span("value"))
            at = low.find(word, at + 1)
    return merged(found)


def merged(found: list[Found]) -> list[Found]:
    """Returns the places in order, those that overlap as one."""
    whole: list[Found] = []
    for begin, end in sorted(found):
        if whole and begin < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((begin, end))
    return whole


def _spelled(text: str) -> bool:
    low = text.lower()
    return any(sign in low for sign in ("(at)", "[at]", "{at}", " dot ", "( at )", "[ at ]", "{ at }"))


def _digits(text: str) -> int:
    return sum(letter.isdigit() for letter in text)


def _versioned(text: str, match: re.Match[str]) -> bool:
    return _VERSION.search(text[max(0, match.start() - 12) : match.start()]) is not None


def _v4(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    return not any(address in each for each in _OWN_V4)


def _v6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return False
    groups = sum(bool(group) for group in text.split(":"))
    return groups >= (3 if re.fullmatch("[0-9:]+", text) else 2) and not any(address in each for each in _OWN_V6)
