"""Finds what names a person, a patient or a vehicle: by check digits, by form, or beside a word that says so."""

import re
from collections.abc import Callable, Sequence

from domain.account_numbers import Found, luhn
from domain.contacts import labelled, merged

_WORD = (
    r"(?:[\W_]{1,3}(?:is|was|are|no|nos|nr|num|numbers?|id|ids|identifier|code|ref|reference|on|file|as|given|of|the|"
    r"patient|under|reads|her|his|their|my|your|it|held|listed|recorded|record|card|country|us|uk|usa)(?![a-z0-9]))"
)
_FILLER = rf"{_WORD}{{0,4}}(?:\Wfor(?:\s\w{{1,20}}(?!\w)){{1,3}}{_WORD}{{0,2}})?[\W_]{{0,6}}?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = (
    rf"(?:\d{{1,2}}\s?[-./\\ ]\s?\d{{1,2}}\s?[-./\\ ]\s?(?:(?:19|20)\d\d|\d\d)|"
    rf"(?:19|20)\d\d\s?[-./ ]\s?\d{{1,2}}\s?[-./ ]\s?\d{{1,2}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?[\s-]{{1,2}}(?:of\s)?{_MONTH},?[\s-]{{1,2}}(?:(?:19|20)\d\d|'?\d\d)|"
    rf"{_MONTH}\s{{1,2}}\d{{1,2}}(?:st|nd|rd|th)?,?\s{{1,2}}(?:19|20)\d\d|(?:19|20)\d\d[01]\d[0-3]\d)(?!\d)"
)


def _labelled(label: str, value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{label}){_FILLER}(?<![a-z0-9])(?P<value>{value})", re.IGNORECASE | re.ASCII)


_SSN_WORDS = (
    r"ssn|itin|social[\s_-]{0,2}security|soc\.?[\s_-]{0,2}sec\.?|social\s(?:no|number|#)|"
    r"tax[\s_-]{0,2}(?:payer)?[\s_-]{0,2}id"
)
_SSN_PARTED = re.compile(
    r"\d(?<![\w.,/-].)\d\d(?<!000)(?<!666) ?(?P<sign>[- ]) ?(?!00)\d\d ?(?P=sign) ?(?!0000)\d{4}(?!\d|[.,/-]\d|\w\w)",
    re.ASCII,
)
_SSN_LABELLED = _labelled(
    _SSN_WORDS, r"(?!000|666)\d{3}[\s./_·-]{0,3}(?!00)\d\d[\s./_·-]{0,3}(?!0000)\d{4}(?!\d|[.-]\d|\w\w)"
)
_SSN_AFTER = re.compile(
    rf"\d(?<![\w.,/-].)\d\d(?<!000)(?<!666)\d{{6}}(?=[\W_]{{1,3}}(?:(?:is|was|as)[\W_]){{0,2}}(?:(?:his|her|my|their|the)\W)?(?:{_SSN_WORDS}))",
    re.IGNORECASE | re.ASCII,
)
_VIN = re.compile(r"[A-HJ-NPR-Za-hj-npr-z0-9](?<![A-Za-z0-9].)[A-HJ-NPR-Za-hj-npr-z0-9]{16}(?![A-Za-z0-9])", re.ASCII)
_VIN_LABELLED = _labelled(
    r"vin|v\.i\.n\.|vehicle[\s_-]{0,2}id(?:entification)?(?:[\s_-]{0,2}(?:no|number))?|chassis(?:[\s_-]{0,2}(?:no|number))?|frame\sno",
    r"(?:[A-HJ-NPR-Z0-9][\s./_-]?){16}[A-HJ-NPR-Z0-9](?![A-Za-z0-9])",
)
_NHS = _labelled(r"nhs", r"\d{3}[\s./_-]{0,3}\d{3}[\s./_-]{0,3}\d{4}(?!\d)")
_NPI = _labelled(r"npi|national[\s_-]{0,2}provider(?:[\s_-]{0,2}identifier)?", r"[12](?:[\s./_-]{0,2}\d){9}(?!\d)")
_LETTER = "[AC-HJKMNP-RT-Y]"
_MBI = re.compile(
    rf"[1-9](?<![\w-].){_LETTER}(?:{_LETTER}|\d)\d[- ]?{_LETTER}(?:{_LETTER}|\d)\d[- ]?{_LETTER}{{2}}\d\d(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_PASSPORT = _labelled(
    r"(?:passports?|pp(?=[\s_]{0,2}(?:#|no\b|num)))(?:[\s_-]{0,2}(?:no|num|number|nr|id))?",
    r"(?:[A-Z]{1,2}[ -]?)?\d(?:[ -]?\d){5,8}[A-Z]?(?![A-Z0-9])|"
    r"(?=[A-Z]{0,5}\d)(?=\w?\D{0,3}\d\w{0,5}\d)[A-Z0-9]{8,9}(?![A-Z0-9])",
)
_TRAVEL = re.compile(
    r"(?<![A-Z0-9<])(?:P[A-Z<][A-Z]{3}[A-Z<]{39}|[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[\d<]\d)(?![A-Z0-9<])"
)
_LICENCE = _labelled(
    r"(?:driv(?:er|ers|er's|er’s|ing)[\s_-]{0,2}(?:licen[cs]e|permit)|licen[cs]e\sto\sdrive|state[\s_-]{0,2}id|d\.?l\.?(?=[\s_]{0,2}(?:#|no\b|num|:)))",
    r"(?:[A-Z]{1,3}[- ]?)?\d(?:[- ]?\d){4,13}(?![A-Z0-9])|(?=[A-Z]{0,6}\d)[A-Z0-9]{6,18}(?![A-Z0-9])",
)
_LICENCE_UK = re.compile(
    r"[A-Za-z](?<![A-Za-z0-9].)[A-Z][A-Z9]{3} ?\d[0156]\d(?:[0-2]\d|3[01])\d ?[A-Z9]{2}[2-9A-Z] ?[A-Z]{2}(?![A-Z0-9])",
    re.IGNORECASE,
)
_MRN = _labelled(
    r"m\.?r\.?n\.?|m\.?r\.?(?=[\s_]{0,2}(?:#|no\b))|case[\s_-]{0,2}notes?(?=[\s_]{0,2}(?:#|no\b|num))|medical[\s_-]{0,2}rec(?:ord|\.)?s?|(?:health|hospital|clinic|chart)[\s_-]{0,2}(?:record[\s_-]{0,2})?(?:no|nr|num|number|id|#)|"
    r"(?:patient|pat\.?|pt\.?)[\s_-]{0,2}(?:no|nr|num|number|id|identifier|file|record|ref|chart|#)|(?:emr|ehr)(?:[\s_-]{0,2}(?:id|no|number))?",
    r"(?:[A-Z]{1,4}[-/. ]?)?\d(?:[- ./]{0,2}\d){3,13}(?:-?[A-Z])?(?![A-Z0-9])",
)
_MRN_WORDS = ("mr", "m.r", "medical", "health", "hospital", "clinic", "chart", "pat", "pt", "emr", "ehr", "case")
_BORN = _labelled(
    r"d[./]?o[./]?b\.?|b\.(?=\s{0,2}\d)|date[\s_-]{0,2}of[\s_-]{0,2}birth|birth[\s_-]{0,2}da(?:te|y)|born|birth",
    rf"{_DAY}",
)
_BORN_AFTER = re.compile(
    rf"(?<![\w.-]){_DAY}(?=[\s,(\[-]{{1,3}}(?:(?:is|was|as)\W)?(?:(?:his|her|my|their|the)\W)?(?:d\.?o\.?b|date\sof\sbirth|birth))",
    re.IGNORECASE | re.ASCII,
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True)
)


def social_security_numbers(text: str) -> list[Found]:
    """Finds US social security and taxpayer numbers in the ranges given out: 3-2-4 digits, bare ones beside a word."""
    found = [match.span() for match in _SSN_PARTED.finditer(text) if _given_out(match.group())]
    if _any(text, "ssn", "social", "soc", "tax", "itin"):
        spans = labelled(text, _SSN_LABELLED, ("ssn", "itin", "soc", "tax"))
        found += [span for span in spans if _given_out(text[slice(*span)])]
        found += [match.span() for match in _SSN_AFTER.finditer(text) if _given_out(match.group())]
    return merged(found)


def vehicles(text: str) -> list[Found]:
    """Finds vehicle identification numbers (ISO 3779): 17 characters with a right check digit, or ZZZ in places 4 to 6
    as in Europe; beside a word such as VIN or chassis any 17, parted or not."""
    found = [match.span() for match in _VIN.finditer(text) if _vehicle(match.group().upper())]
    spans = labelled(text, _VIN_LABELLED, ("vin", "v.i.n", "vehicle", "chassis", "frame"))
    found += [span for span in spans if sum(map(str.isdigit, text[slice(*span)])) >= 3]
    return merged(found)


def nhs_numbers(text: str) -> list[Found]:
    """Finds numbers of the NHS in England beside its name: ten digits, the last a check digit (modulus 11)."""
    return [span for span in labelled(text, _NHS, ("nhs",)) if _modulus_11(_bare(text, span))]


def provider_numbers(text: str) -> list[Found]:
    """Finds US national provider identifiers beside their name: ten digits, the last by Luhn with 80840 before."""
    return [span for span in labelled(text, _NPI, ("npi", "national")) if luhn("80840" + _bare(text, span))]


def medicare_numbers(text: str) -> list[Found]:
    """Finds US Medicare beneficiary identifiers by their form: eleven letters and digits, each place with its set."""
    return [match.span() for match in _MBI.finditer(text)]


def passports(text: str) -> list[Found]:
    """Finds passport numbers beside the word, and the two machine-readable lines of one (ICAO 9303)."""
    found = labelled(text, _PASSPORT, ("passport", "pp"))
    lines = [match.span() for match in _TRAVEL.finditer(text)] if "<<" in text else []
    return merged([*found, *lines])


def licences(text: str) -> list[Found]:
    """Finds driver's licence numbers beside the word, and British ones by their form."""
    found = [match.span() for match in _LICENCE_UK.finditer(text)]
    return merged([*found, *labelled(text, _LICENCE, ("driv", "licen", "state", "dl", "d.l"))])


def medical_records(text: str) -> list[Found]:
    """Finds numbers of at least four digits beside words such as MRN, medical record or patient id."""
    return labelled(text, _MRN, _MRN_WORDS)


def births(text: str) -> list[Found]:
    """Finds dates beside words such as DOB, born or date of birth."""
    found = labelled(text, _BORN, ("dob", "d.o", "do.b", "d/o", "b.", "date", "birth", "born"))
    if _any(text, "dob", "d.o.b", "birth"):
        found += [match.span() for match in _BORN_AFTER.finditer(text)]
    return merged(found)


IDENTIFIERS: dict[str, Callable[[str], list[Found]]] = {
    "mbi": medicare_numbers,
    "ssn": social_security_numbers,
    "nhs": nhs_numbers,
    "npi": provider_numbers,
    "vin": vehicles,
    "passport": passports,
    "licence": licences,
    "mrn": medical_records,
    "dob": births,
}


def _any(text: str, *words: str) -> bool:
    """Looks for the words without a regular expression: most texts have none of them."""
    low = text.lower()
    return any(word in low for word in words)


def _bare(text: str, span: Sequence[int]) -> str:
    return re.sub(r"\D", "", text[span[0] : span[1]])


def _given_out(text: str) -> bool:
    """True for what the social security administration gives out, and for the tax office's 9xx numbers."""
    digits = re.sub(r"\D", "", text)[:9]
    return digits[0] != "9" or 50 <= int(digits[3:5]) <= 99


def _vehicle(vin: str) -> bool:
    if vin.isdigit() or vin.isalpha() or not vin[-4:].isdigit():
        return False
    if vin[3:6] == "ZZZ":
        return True
    rest = sum(_VALUES[letter] * weight for letter, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return vin[8] == "0123456789X"[rest] and not vin[:3].isdigit()


def _modulus_11(digits: str) -> bool:
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return rest % 11 == int(digits[9])
