"""Postal addresses as people write them in English: a house number, a street by its kind, then flat, town and code.

A street without a number is a place, not somebody's address, and is not reported.
"""

import re
from collections.abc import Iterator

_KINDS = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Square|Sq|Parkway|Pkwy"
    r"|Highway|Hwy|Circle|Cir|Crescent|Close|Row|Alley|Trail|Loop|Grove|Mews|Walk|Gardens"
)
_UNIT = r"(?:,? ?(?:Apt|Apartment|Suite|Ste|Unit|Flat|Room|Floor|#)\.? ?#?[0-9A-Za-z\-]{1,6})"
_TOWN = r"(?:,? [A-Z][A-Za-z.'\-]+(?: [A-Z][A-Za-z.'\-]+){0,2})"
_CODE = r"(?:,? (?:[A-Z]{2} \d{5}(?:-\d{4})?|\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z0-9]? ?\d[A-Z]{2}))"

_STREET = re.compile(
    rf"(?<![\w.,/$€£\-])\d{{1,5}}[A-Za-z]?,? (?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?"
    rf"(?:(?:[A-Z][A-Za-z'\-]+|\d{{1,3}}(?:st|nd|rd|th)|St\.|of|the)\s){{1,4}}(?:{_KINDS})\b\.?"
    rf"(?:{_UNIT})?(?:(?:{_TOWN})?{_CODE})?"
)
_SMALL_WORDS = r"(?:on|in|of|the|this|that|a|an|and|to|for|from|at|each|per|every|down|along)"
_LOWER = re.compile(
    rf"(?<![\w.,/$€£\-])\d{{2,5}} (?:(?!{_SMALL_WORDS} )[a-z'\-]+ ){{1,3}}"
    r"(?:street|avenue|road|boulevard|lane|drive|court|terrace|parkway|crescent)\b"
    rf"(?:{_UNIT})?"
)
_SAID = re.compile(
    r"(?i:\b(?:(?:my|his|her|their|our|your|home|billing|shipping|mailing|postal|delivery|primary)(?: \w+)? address"
    r"(?: is| to|:)*"
    r"|live[sd]? (?:at|on)|living at|resid(?:es?|ing) at))\s+"
    rf"(?!{_SMALL_WORDS}\b)"
    r"(?P<value>(?:\d{1,5}[A-Za-z]?,? [^\W\d]|[^\W\d][\w.'\-]* (?:[^\W\d][\w.'\-]* ){0,3}\d{1,4})[^\n.?!;:]{3,60}?)"
    r"(?=[.?!;:\n]|,? (?:for|in case|and|but|please|instead|as|so|because)\b|\Z)"
)
"""What follows "her address is", in any language, from a house number or a street with one."""
_BOX = re.compile(r"\bP\.? ?O\.? ?Box \d{1,6}\b(?:,? [A-Z]{2} \d{5})?", re.IGNORECASE)
_GERMAN = re.compile(
    r"\b[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|str\.|weg|platz|allee|gasse) \d{1,4}[a-z]?\b"
    r"(?:, \d{5} [A-ZÄÖÜ][a-zäöüß]+)?"
)
_NOT_HOUSE = re.compile(r"^\d+ (?:of|the|other|more|different|new|years?|days?|miles?|people|main|major|best|top)\b")


def street_addresses(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield start, end and score, 0 to 1, of each address."""
    for pattern, score in ((_STREET, 0.85), (_LOWER, 0.6), (_BOX, 0.85), (_GERMAN, 0.8)):
        for match in pattern.finditer(text):
            if not _NOT_HOUSE.match(match.group()):
                yield match.start(), match.end(), score
    for match in _SAID.finditer(text):
        start, end = match.span("value")
        yield start, end, 0.6
