"""A number or address given in pieces: half in one turn, half in the next.

Pieces are joined in the order of the fields; a joined card or account number counts when its check digits hold, no
piece is a number of that kind by itself, and a word in the row speaks of it. Each piece is reported in its own field.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatekeeper.gates.data.personal.checked_numbers import card, iban
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import words

_PIECE = re.compile(
    r"(?<![\w.,/$€£%])(?:[A-Za-z]{2}[0-9]{2}(?![0-9]))?[0-9]?[0-9A-Z]*(?:[ \-]?[0-9]{2,})+(?![\w.,/%][0-9]|[A-Za-z%])"
)
_CARD = words(r"cards?|visa|mastercard|amex|american express|credit|debit|cvv|discover")
_ACCOUNT = words(r"iban|accounts?|bank|transfer")
_SSN = words(r"ssn|social security")
_MOST_PIECES = 24
_MOST_JOINED = 4
_SCORE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    field: int
    start: int
    end: int
    text: str


def split_numbers(fields: Sequence[str]) -> Iterator[tuple[int, PiiMatch]]:
    """Yield field and match of each piece of every number that is spread over several fields."""
    yield from _split_emails(fields)
    for type_, context, valid, lengths, least in (
        ("CREDIT_CARD", _CARD, card, range(15, 17), 4),
        ("IBAN_CODE", _ACCOUNT, iban, range(15, 35), 4),
        ("US_SSN", _SSN, _ssn, range(9, 10), 2),
    ):
        if not any(context.search(text) for text in fields):
            continue
        pieces = [piece for at, text in enumerate(fields) for piece in _pieces(at, text, least)][:_MOST_PIECES]
        for run in _runs(pieces):
            joined = "".join(piece.text for piece in run)
            if len(joined) in lengths and valid(joined):
                for piece in run:
                    yield piece.field, PiiMatch(type=type_, start=piece.start, end=piece.end, score=_SCORE)


def _pieces(field: int, text: str, least: int) -> Iterator[_Piece]:
    for match in _PIECE.finditer(text):
        compact = re.sub(r"[ \-]", "", match.group())
        if least <= len(compact) <= 30:
            yield _Piece(field=field, start=match.start(), end=match.end(), text=compact)


def _runs(pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """Yield every run of two to four pieces, each from a later field than the one before."""
    for first in range(len(pieces)):
        last = first + 1
        while last < len(pieces) and last - first < _MOST_JOINED and pieces[last].field > pieces[last - 1].field:
            last += 1
            yield pieces[first:last]


def _ssn(digits: str) -> bool:
    return digits.isdigit() and digits[:3] not in {"000", "666"} and digits[0] != "9"


_TAIL = re.compile(r"[\w.%+\-]+(?:@[\w.\-]*)?$")
_HEAD = re.compile(r"(?:[\w.+\-]*@)?[\w.\-]+")
_WHOLE = re.compile(r"[\w.%+\-]{1,64}@(?:[\w\-]+\.)+[A-Za-z]{2,24}")


def _split_emails(fields: Sequence[str]) -> Iterator[tuple[int, PiiMatch]]:
    for at in range(len(fields) - 1):
        left, right = fields[at].rstrip(), fields[at + 1]
        lead = len(right) - len(right.lstrip())
        tail, head = _TAIL.search(left, max(0, len(left) - 80)), _HEAD.match(right, lead, lead + 80)
        if tail is None or head is None or (tail.group() + head.group()).count("@") != 1:
            continue
        open_ended = "@" in tail.group() and "." not in tail.group().partition("@")[2]
        if not (open_ended or head.group().startswith("@")):
            continue
        whole = _WHOLE.match((tail.group() + head.group()).rstrip("."))
        if whole is None or whole.end() <= len(tail.group()):
            continue
        yield at, PiiMatch(type="EMAIL_ADDRESS", start=tail.start(), end=tail.end(), score=_SCORE)
        end = head.start() + whole.end() - len(tail.group())
        yield at + 1, PiiMatch(type="EMAIL_ADDRESS", start=head.start(), end=end, score=_SCORE)
