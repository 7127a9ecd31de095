"""Finds postal addresses in English: number, street and its type, with what follows of unit, city, state and code."""

import re

from domain.account_numbers import Found
from domain.contacts import merged

_STRONG = r"street|avenue|ave|road|rd|boulevard|blvd|lane|ln|terrace|crescent|parkway|pkwy|highway|hwy|mews|str"
_WEAK = (
    r"st|drive|dr|court|ct|place|pl|square|sq|ter|way|circle|cir|close|cres|gardens|gdns|grove|row|hill|trail|trl|"
    r"alley|loop|plaza|walk|quay|rise|view|green|park|wharf|path|pike|turnpike|cove|bend|heights|broadway"
)
_STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|"
    r"V[AT]|W[AIVY]|"
    r"California|Texas|Florida|New\sYork|Illinois|Ohio|Washington|Oregon|Georgia|Michigan|Massachusetts|Pennsylvania)"
)
_CODE = r"[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2}"
_GAP = r"[,.;]?[ \t]{0,2}(?:\r?\n)?[ \t]{0,2}"
_PLACE = r"[A-Z][A-Z'’.-]{1,20}(?:[ -][A-Z][A-Z'’.-]{1,20}){0,2}?"
_UNIT = r"(?:apt|apartment|unit|suite|ste|flat|floor|fl|room|rm|bldg|building|po\sbox|#)[.:]?\s{0,2}#?[ ]?[\w-]{1,6}"
_AREA = rf"(?:{_PLACE}{_GAP})?{_STATE}{_GAP}\d{{5}}(?:-\d{{4}})?(?![\w-])|(?:{_PLACE}{_GAP}){{0,2}}{_CODE}(?!\w)"
_TAIL = rf"(?P<tail>(?:[ ](?:[NSEW]|[NS][EW])\b\.?)?(?:{_GAP}{_UNIT})?(?:{_GAP}(?:{_AREA}))?)"
_STREET = re.compile(
    rf"\d(?<![\w.,/$€£#-].)\d{{0,5}}(?:[A-Z]|\s?[-/]\s?\d{{1,5}}[A-Z]?)?,?\s{{1,3}}"
    rf"(?P<name>(?:(?:[A-Z][A-Z'’.-]{{0,24}}|\d{{1,3}}(?:st|nd|rd|th))[ \t]?\s{{1,2}}){{1,4}}?)"
    rf"(?P<type>(?:{_STRONG}|{_WEAK})(?![\w'’-])(?:[ ](?:{_STRONG}|{_WEAK})(?![\w'’-]))?)\.?{_TAIL}",
    re.IGNORECASE | re.ASCII,
)
_BOX = re.compile(rf"(?<!\w)P\.?\s?O\.?\s?Box\s(?:no\.?\s)?#?\d{{1,7}}(?!\w){_TAIL}", re.IGNORECASE | re.ASCII)
_ZIP = re.compile(r"\d(?<![\w-].)\d{4}(?:-\d{4})?(?![\w-])", re.ASCII)
_CITY = re.compile(
    rf"(?<![\w'’-])(?:[A-Z][A-Za-z'’.-]{{1,20}}[ -]){{0,2}}[A-Z][A-Za-z'’.-]{{1,20}},?\s(?:{_STATE}),?\s$", re.ASCII
)
_INWARD = re.compile(r"\d[ABD-HJLNP-UW-Z]{2}(?![\w-])", re.ASCII)
_OUTWARD = re.compile(r"(?<![\w-])[A-Z]{1,2}\d[A-Z\d]?\s$", re.ASCII)
_FLAT = re.compile(r"(?<!\w)(?:flat|apt\.?|unit|apartment|suite)\s\w{1,5},?\s{1,2}$", re.IGNORECASE)
_BEFORE_MAX = 72
_CUE = re.compile(
    r"(?:address|addr|lives?|living|lived|resid\w{1,6}|home|house|deliver\w{0,3}|ship\w{0,4}|moved|mail|located|street)"
    r"[\s:=\"'(\[]{1,5}(?:(?:is|was|at|to|in|on|now|it|the|parcel|line)[\s:=\"']{1,3}){0,3}$|(?<![a-z])(?:at|to|"
    r"from)\s$",
    re.IGNORECASE,
)
_THINGS = re.compile(
    r"[ ](?:lamps?|lights?|signs?|works?|clos\w+|accidents?|races?|fines?|users?|trips?|blocks?|safety|traffic|"
    r"sweepers?|"
    r"vendors?|markets?|marking\w*|junctions?|tests?|tax\w*|tolls?|bikes?|maps?|names?|corners?|art|food|parties|"
    r"numbers?|rage|assist\w*)\b",
    re.IGNORECASE,
)
_NO_NAMES = """
a an and any are as at away back be but by can cars cross days each feet few first for from go has have he her
his hours i if in into is it its km last less long lost m men mi miles min mins minutes more most next new no
not of off old on one only open or other our out over people per percent points pm am remaining she so some
steps such than that the their them then there these they this those through times to too two under units
until up very was way we weeks were when where which who will with years you your items pieces users orders x
kg lb lbs cm mm gb mb tb hp lane month months week day hour major main busy separate parallel different blocks
block cases staff nurses beds patients
"""
_PLAIN = frozenset(_NO_NAMES.split())
_PERHAPS = frozenset({"old", "new", "main", "the", "first", "long", "major", "day", "open", "block"})
"""Words that do begin names of streets: `12 Old Mill Road`, but not `12 old roads`."""


def addresses(text: str) -> list[Found]:
    """Finds postal addresses: `12 Oak Street, Apt 4, Springfield, IL 62704`, `14 Rosebery Avenue, London EC1R 4TD`,
    post office boxes, a city with its state and ZIP code, and a British postcode alone.

    In small letters only where the kind of street is plain (street, road) or a code, a unit or a word such as address
    stands beside it.
    """
    found = [_behind(text, match, _FLAT) or match.span() for match in _STREET.finditer(text) if _street(text, match)]
    found += [span for match in _ZIP.finditer(text) if (span := _behind(text, match, _CITY))]
    found += [span for match in _INWARD.finditer(text) if (span := _behind(text, match, _OUTWARD))]
    if "ox" in text or "OX" in text:
        found += [match.span() for match in _BOX.finditer(text)]
    return merged(found)


def _behind(text: str, match: re.Match[str], before: re.Pattern[str]) -> Found | None:
    """Returns the match with what must stand before it, None when it does not."""
    begin = max(0, match.start() - _BEFORE_MAX)
    found = before.search(text[begin : match.start()])
    return None if found is None else (begin + found.start(), match.end())


def _street(text: str, match: re.Match[str]) -> bool:
    names = [word.strip(".,'’-") for word in match["name"].split()]
    if any(name.lower() in _PLAIN - _PERHAPS for name in names):
        return False
    if match["tail"].strip(" .,;\n"):
        return True
    if _CUE.search(text[max(0, match.start() - 40) : match.start()]):
        return True
    if all(name[:1].isupper() or name[:1].isdigit() for name in names):
        return match["type"][:1].isupper() or _plain_type(match)
    if any(name.lower() in _PERHAPS for name in names):
        return False
    return _plain_type(match) and len(names) <= 2 and not _THINGS.match(text, match.end())


def _plain_type(match: re.Match[str]) -> bool:
    return re.fullmatch(_STRONG, match["type"].split()[-1], re.IGNORECASE) is not None
