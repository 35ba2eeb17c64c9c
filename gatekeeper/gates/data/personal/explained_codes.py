"""Codes without check digits that only the words before them explain: passports, licences, accounts, post codes."""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page

_IS = r"(?:[\s:#,=\-\"'(]|is|was|are|no\.?|number|num|nr\.?|id|code|following|here|it'?s|\?|\x00){0,12}"
"""What stands between the name of a code and the code."""
_CODE = r"(?P<value>(?=[A-Z0-9\-]*[0-9]{3})[A-Z0-9][A-Z0-9\-]{4,17}[A-Z0-9])(?![\w@]|[.,][0-9])"
_DIGITS = r"(?P<value>[0-9](?:[ \-]?[0-9]){6,17})(?![\w@]|[.,][0-9])"


def _said(name: str, value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{name}){_IS}{value}", re.IGNORECASE)


_EXPLAINED = (
    ("PASSPORT", "passport", _said(r"passports?", _CODE)),
    (
        "US_DRIVER_LICENSE",
        "licen",
        _said(r"(?:driver['’]?s?['’]?|driving|dl) licen[cs]e|licen[cs]e (?:number|no\.?|#)", _CODE),
    ),
    (
        "BANK_ACCOUNT",
        "acc",
        _said(r"(?:bank |checking |savings )?(?:account|acct)\.? ?(?:number|no\.?|#)", _DIGITS),
    ),
    ("BANK_ACCOUNT", "routing", _said(r"routing (?:number|no\.?|code)", _DIGITS)),
    ("MEDICAL_RECORD", "medical record", _said(r"medical record", _CODE)),
    ("MEDICAL_RECORD", "mrn", _said(r"mrn", _CODE)),
    ("MEDICAL_RECORD", "patient", _said(r"patient (?:number|no\.?|id)", _CODE)),
    ("NATIONAL_ID", "national i", _said(r"national (?:id|identity|identification)(?: card)?", _CODE)),
    (
        "ZIP_CODE",
        "zip",
        _said(r"zip(?: ?code)?", r"(?P<value>[0-9]{4,5}(?:-[0-9]{3,4})?)(?![\w@]|[.,][0-9])"),
    ),
    (
        "ZIP_CODE",
        "post",
        _said(
            r"post(?:al)? ?code",
            r"(?P<value>[A-Z]{1,2}-?[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"
            r"|(?:[A-Z]{1,2}-)?[0-9]{2,5}[\- ]?[0-9]{2,4}(?: ?[A-Z]{2})?)(?![\w@]|[.,][0-9])",
        ),
    ),
)
_LEAD, _REACH = 12, 160
"""Characters before and behind the telling word in which its code is looked for."""


def explained_codes(page: Page) -> Iterator[PiiMatch]:
    """Yield every code that follows its name, in the same text or in the next one of its row."""
    lowered = page.text.lower()
    same = len(lowered) == len(page.text)  # a few letters become two in lower case
    for type_, word, pattern in _EXPLAINED:
        at = lowered.find(word)
        while at >= 0:
            match = pattern.search(page.text, max(0, at - _LEAD), at + _REACH) if same else pattern.search(page.text)
            if match:
                start, end = match.span("value")
                if page.rows[page.place(match.start())] == page.rows[page.place(start)]:
                    yield PiiMatch(type=type_, start=start, end=end, score=0.85)
            at = lowered.find(word, max(at + 1, match.end() if match else 0)) if same else -1
