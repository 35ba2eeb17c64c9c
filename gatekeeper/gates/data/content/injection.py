"""Whether a row carries orders to the model that its operator did not give: injected, smuggled or as a role to play.

The patterns stand in ``injection_patterns.txt``. Where the prompt only talks about such orders (explains, classifies,
guards against them) or the answer refuses, the row teaches a model to resist and is left alone. Hidden orders are
never left alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.exchanges import Exchange, flagged, undone
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.order_score import orders_in
from gatekeeper.gates.data.content.unpacking import Limits

TEST = "injection"
_HEAD = re.compile(r"= (\d)(!?)(\+?) (.+)")
_PART = re.compile(r"([A-Z]+) := (.+)")
_ABOUT = re.compile(
    r"\b(?:what (?:is|are|does)|explain|define|describe|classif\w+|detect\w*|is (?:this|the following)|identify"
    r"|examples? of|prevent\w*|defen[cds]\w*|protect\w*|guard\w*|translate|label|does this|spot)\b[^\n]{0,80}"
    r"\b(?:prompt injections?|injections?|jailbreak\w*|attacks?|malicious|phrase|sentence|quote)\b",
    re.IGNORECASE,
)
"""Prompts about such orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much it takes."""

    least: float = 2.0
    """Least weight of all kinds of orders found in one text; one plain order has 2."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """One kind of order."""

    says: str
    """What a text does that holds it."""
    weight: float
    hidden: bool
    """Whether a reader of the rendered text would not see it."""
    taught: bool
    """Whether it is looked for in answers too: a model can be taught to write it."""
    hints: tuple[tuple[str, ...], ...]
    """Of each group one must stand in the lower-case text."""
    pattern: re.Pattern[str]

    def stand_in(self, text: str, lower: str) -> bool:
        """Return whether a text, given also in lower case, holds such an order."""
        # Plain loops: they run on every row, and take a third of the time of any() and all().
        for group in self.hints:
            for hint in group:
                if hint in lower:
                    break
            else:
                return False
        return self.pattern.search(text) is not None


def find_injections(rows: Iterable[TrainingRow], settings: Settings) -> list[Flag]:
    """Return one flag for each row that carries such orders and does not resist them, in order."""
    return flagged(rows, settings.limits, [(TEST, lambda exchange: injection_reason(exchange, settings))])


def injection_reason(exchange: Exchange, settings: Settings) -> str:
    """Return what orders an exchange carries, or nothing."""
    for where, reading in exchange.parts():
        lower, asked = reading.text.lower(), where != "the answer"
        found = [one for one in known_orders() if (asked or one.taught) and one.stand_in(reading.text, lower)]
        if found and not any(orders.hidden for orders in found) and _excused(exchange):
            continue
        if sum(orders.weight for orders in found) >= settings.least:
            return f"{where} {' and '.join(orders.says for orders in found)}{undone(reading)}"
        if asked and (loose := orders_in(reading.text)) and not _excused(exchange):
            return f"{where} {loose}{undone(reading)}"
    return ""


def _excused(exchange: Exchange) -> bool:
    return exchange.resisted or _ABOUT.search(exchange.request[0].text) is not None


@cache
def known_orders() -> tuple[Orders, ...]:
    """Return the shipped kinds of orders, read once."""
    text = files(__package__).joinpath("injection_patterns.txt").read_text(encoding="utf-8")
    return tuple(read_orders(text))


def read_orders(text: str) -> Iterator[Orders]:
    """Yield the kinds of orders in a pattern file.

    Raises:
        ValueError: a line stands outside a kind, or is no regular expression; the message names it.
    """
    named: dict[str, str] = {}
    head: re.Match[str] | None = None
    hints: list[tuple[str, ...]] = []
    patterns: list[str] = []
    for number, line in enumerate([*text.splitlines(), "= 0 end"], start=1):
        if part := _PART.fullmatch(line):
            named[part[1]] = part[2]
        elif opened := _HEAD.fullmatch(line):
            if head is not None:
                yield Orders(
                    says=head[4],
                    weight=float(head[1]),
                    hidden=bool(head[2]),
                    taught=bool(head[3]),
                    hints=tuple(hints),
                    pattern=re.compile("|".join(patterns), re.IGNORECASE),
                )
            head, hints, patterns = opened, [], []
        elif not line or line.startswith("#"):
            continue
        elif head is None:
            raise ValueError(f"line {number} of the patterns stands before any kind of order")
        elif line.startswith("? "):
            hints.append(tuple(hint.strip().replace("~", " ") for hint in line[2:].split(",")))
        else:
            patterns.append(_compiled(line, named, number))


def _compiled(line: str, named: dict[str, str], number: int) -> str:
    for name, part in named.items():
        line = line.replace(f"{{{name}}}", part)
    try:
        re.compile(line)
    except re.error as error:
        raise ValueError(f"line {number} of the patterns is no regular expression: {error}") from error
    return line
