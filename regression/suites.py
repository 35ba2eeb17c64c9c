"""Suites: a JSONL file whose first line is a header and every other line one item.

Five kinds: ``choice``, ``cloze`` and ``phrases`` items are scored by the log-likelihood of texts after a prompt,
``generate`` items by a judge of the reply, ``text`` items by the log-likelihood of the text. The header names the
metric that is an item's score, and how replies are drawn. A suite's digest is SHA-256 over the canonical JSON of
header and items, so that white space and the order of fields do not matter and everything else does.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from regression.errors import SuiteError
from regression.items import (
    ChoiceItem,
    ClozeItem,
    GenerateItem,
    Item,
    PhrasesItem,
    SuiteKind,
    TextItem,
    canonical,
    item_digest,
    read_item,
)

__all__ = [
    "BUILTIN",
    "HEADER_FIELDS",
    "METRICS",
    "ChoiceItem",
    "ClozeItem",
    "Decoding",
    "GenerateItem",
    "Item",
    "PhrasesItem",
    "Suite",
    "SuiteKind",
    "TextItem",
    "builtin_suites",
    "item_digest",
    "limited",
    "load_suite",
    "make_suite",
    "suite_text",
    "write_suite",
]

BUILTIN = Path(__file__).parent / "suites"

METRICS: Mapping[SuiteKind, tuple[str, ...]] = {
    SuiteKind.CHOICE: ("acc", "acc_norm", "acc_bytes", "acc_tokens", "mc2"),
    SuiteKind.CLOZE: ("acc", "loglikelihood", "loglikelihood_token", "loglikelihood_byte"),
    SuiteKind.PHRASES: ("share", "preferred", "margin"),
    SuiteKind.GENERATE: ("judge", "judge_any"),
    SuiteKind.TEXT: ("nats_per_token", "word_perplexity", "byte_perplexity", "bits_per_byte", "topk_kl"),
}
"""Metrics that can be an item's score, by kind; the first is the default."""

HEADER_FIELDS = frozenset(
    {"suite", "version", "kind", "about", "licence", "preamble", "metric", "delimiter", "rolling", "decoding"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How replies are drawn."""

    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    """Smallest mass of the likeliest tokens that are drawn from."""
    samples: int = 1
    """Replies per item; the item's score is the mean of theirs."""
    seed: int = 0
    """Of all draws; each item and reply has its own stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Items of one kind, in file order, with distinct ids."""

    name: str
    version: int
    kind: SuiteKind
    items: tuple[Item, ...]
    """Never empty."""
    digest: str
    """``sha256:`` and 64 hexadecimal digits over header and items."""
    about: str = ""
    licence: str = ""
    preamble: str = ""
    """Stands before the prompt of every item and is part of ``item.prompt``: examples, for instance."""
    metric: str = ""
    """Which metric is the item's score; empty for the kind's default."""
    delimiter: str = " "
    """What a choice begins with that does not count to its length."""
    rolling: bool = False
    """Whether the first token of a text counts, predicted from the begin token, and windows are the model's own."""
    decoding: Decoding = Decoding()
    limited: bool = False
    """Whether items were left out: what is measured on it is no evidence."""
    header: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The header as it was read."""

    @property
    def score(self) -> str:
        """The metric that is an item's score."""
        return self.metric or METRICS[self.kind][0]


def builtin_suites() -> tuple[str, ...]:
    """Names of the suites that ship with this package, sorted."""
    return tuple(sorted(path.stem for path in BUILTIN.glob("*.jsonl")))


def load_suite(source: str | Path) -> Suite:
    """Read a suite from a file, or by name as ``builtin:NAME``.

    Raises:
        SuiteError: there is no such suite, or a line is not what the format asks for.
    """
    path = Path(source)
    if isinstance(source, str) and source.startswith("builtin:"):
        name = source.removeprefix("builtin:")
        if name not in builtin_suites():
            raise SuiteError(
                f"there is no builtin suite {name!r}.", hint=f"Use one of: {', '.join(builtin_suites()) or 'none'}."
            )
        path = BUILTIN / f"{name}.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise SuiteError(
            f"the suite {path} cannot be read: {error.strerror or error}.",
            hint="Give a JSONL file or builtin:NAME.",
        ) from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")
        raise SuiteError(
            f"the suite {path} is no UTF-8 text: byte {error.start}, in line {before + 1}.", hint="Save it as UTF-8."
        ) from error
    rows = [(number, _row(path, number, line)) for number, line in enumerate(lines, start=1) if line.strip()]
    return _read(path, rows)


def make_suite(header: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], *, source: Path) -> Suite:
    """Build a suite from its header and rows, as if it had been read from the lines of ``source``.

    Raises:
        SuiteError: a row is not what the format asks for; its line is the row's place in the written suite.
    """
    return _read(source, list(enumerate([dict(header), *map(dict, rows)], start=1)))


def suite_text(suite: Suite) -> str:
    """Return the suite as JSONL; reading it gives the same suite and digest.

    Raises:
        RuntimeError: the suite was not built from rows, or items were left out of it.
    """
    if not suite.header or suite.limited:
        raise RuntimeError("only a whole suite that was read from rows can be written")
    rows = [suite.header, *(item.row for item in suite.items)]
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def write_suite(suite: Suite, path: Path) -> None:
    """Write the suite as JSONL.

    Raises:
        SuiteError: the file cannot be written.
    """
    try:
        path.write_text(suite_text(suite), encoding="utf-8", newline="\n")
    except OSError as error:
        raise SuiteError(f"the suite cannot be written to {path}: {error.strerror or error}.") from error


def limited(suite: Suite, count: int) -> Suite:
    """Return the first ``count`` items as a suite of another digest, marked as limited; all of them if so few."""
    if count < 1:
        raise RuntimeError("a limit is at least one item")
    if count >= len(suite.items):
        return suite
    digest = hashlib.sha256(f"{suite.digest} first {count}".encode()).hexdigest()
    return replace(suite, items=suite.items[:count], digest=f"sha256:{digest}", limited=True)


def _read(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> Suite:
    if not rows:
        raise SuiteError(f"the suite {path} is empty.", hint="Its first line is a header, every other line an item.")
    number, header = rows[0]
    try:
        fields = _header(header)
    except ValueError as error:
        hint = 'For example {"suite": "facts", "version": 1, "kind": "choice"}.'
        raise SuiteError(f"{error}.", path=path, line=number, hint=hint) from error
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in rows[1:]:
        try:
            item = read_item(fields["kind"], row, preamble=fields["preamble"])
        except ValueError as error:
            raise SuiteError(f"{error}.", path=path, line=number) from error
        if item.id in seen:
            raise SuiteError(f"the id {item.id!r} is already used in line {seen[item.id]}.", path=path, line=number)
        seen[item.id] = number
        items.append(item)
    if not items:
        raise SuiteError(f"the suite {path} has a header and no items.", hint="Add at least one item.")
    whole = "\n".join([item_digest(header), *(item.digest for item in items)])
    digest = "sha256:" + hashlib.sha256(whole.encode()).hexdigest()
    return Suite(items=tuple(items), digest=digest, header=dict(header), **fields)


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    if number == 1 and line.startswith("\ufeff"):
        raise SuiteError("the file begins with a byte order mark.", path=path, line=1, hint="Save it without one.")
    try:
        row = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_no_field_twice)
        canonical(row).encode()
    except UnicodeEncodeError as error:
        raise SuiteError("a text holds half a surrogate pair.", path=path, line=number) from error
    except ValueError as error:
        raise SuiteError(f"this is no JSON ({error}).", path=path, line=number) from error
    if not isinstance(row, dict):
        raise SuiteError("each line must be a JSON object.", path=path, line=number)
    return row


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the field {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return row


def _header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``Suite`` that a header gives."""
    name, version, kind = header.get("suite"), header.get("version"), header.get("kind")
    if not isinstance(name, str) or not name:
        raise ValueError("the first line must be a header with a 'suite' name")
    if isinstance(version, bool) or not isinstance(version, int):
        raise ValueError("the header needs a whole number as 'version'")
    if kind not in set(SuiteKind):
        raise ValueError(f"the header's 'kind' is {kind!r}; known are {', '.join(SuiteKind)}")
    if unknown := set(header) - HEADER_FIELDS:
        raise ValueError(f"a header has no field {min(unknown)!r}")
    texts = {field: header.get(field, default) for field, default in _TEXTS.items()}
    if wrong := [field for field, value in texts.items() if not isinstance(value, str)]:
        raise ValueError(f"the header's {wrong[0]!r} must be a text")
    if "metric" in header and header["metric"] not in METRICS[SuiteKind(kind)]:
        raise ValueError(f"a {kind} suite has no metric {header['metric']!r}; known are {', '.join(METRICS[kind])}")
    if "rolling" in header and (kind != SuiteKind.TEXT or not isinstance(header["rolling"], bool)):
        raise ValueError("'rolling' is true or false, for text suites")
    if "preamble" in header and kind == SuiteKind.TEXT:
        raise ValueError("a text suite has no 'preamble'")
    if "decoding" in header and kind != SuiteKind.GENERATE:
        raise ValueError("only a generate suite has 'decoding'")
    return {
        "name": name,
        "version": version,
        "kind": SuiteKind(kind),
        "rolling": header.get("rolling", False),
        "decoding": _decoding(header.get("decoding", {})),
        **texts,
    }


_TEXTS: Mapping[str, str] = {"about": "", "licence": "", "preamble": "", "metric": "", "delimiter": " "}


def _decoding(given: object) -> Decoding:
    if not isinstance(given, dict) or (unknown := set(given) - {"temperature", "top_p", "samples", "seed"}):
        known = "temperature, top_p, samples and seed"
        raise ValueError(f"'decoding' is an object of {known}" + (f", not {min(unknown)!r}" if given else ""))
    numbers = {name: given.get(name, default) for name, default in (("temperature", 0.0), ("top_p", 1.0))}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"the decoding's {name!r} must be a number")
    wholes = {name: given.get(name, default) for name, default in (("samples", 1), ("seed", 0))}
    for name, value in wholes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < (name == "samples"):
            raise ValueError(f"the decoding's {name!r} must be a whole number of at least {int(name == 'samples')}")
    if numbers["temperature"] < 0 or not 0 < numbers["top_p"] <= 1:
        raise ValueError("a temperature is at least 0, and top_p lies above 0 and at most at 1")
    if numbers["temperature"] == 0 and (wholes["samples"] > 1 or numbers["top_p"] < 1):
        raise ValueError("several samples and top_p need a temperature above 0")
    return Decoding(
        temperature=float(numbers["temperature"]),
        top_p=float(numbers["top_p"]),
        samples=wholes["samples"],
        seed=wholes["seed"],
    )
