"""Suites: what a model is asked. A JSONL file whose first line is a header and every other line one item.

Three kinds: ``choice`` items are scored by the log-likelihood of each choice after the prompt, ``generate`` items by
a judge of the reply, ``text`` items by the log-likelihood of the text. A suite's digest is SHA-256 over the canonical
JSON of header and items, so that white space and the order of fields do not matter and everything else does.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from regression.errors import SuiteError
from regression.judges import Judge, read_judge

BUILTIN = Path(__file__).parent / "suites"


class SuiteKind(StrEnum):
    """How the items of a suite are scored."""

    CHOICE = "choice"
    GENERATE = "generate"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceItem:
    """A prompt and the texts that may follow it; exactly one is right."""

    id: str
    cluster: str
    """Items written from one template or document share it; standard errors are clustered by it."""
    topic: str
    prompt: str
    choices: tuple[str, ...]
    """At least two, with their leading space."""
    answer: int
    """Index of the right choice."""
    digest: str
    """SHA-256 of the item's canonical JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateItem:
    """A conversation to answer, and the judge of the answer."""

    id: str
    cluster: str
    topic: str
    messages: tuple[tuple[str, str], ...]
    """(role, content), in order; the last is not the assistant's."""
    judge: Judge
    max_new_tokens: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextItem:
    """A text to read."""

    id: str
    cluster: str
    topic: str
    text: str
    digest: str


Item: TypeAlias = ChoiceItem | GenerateItem | TextItem


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
        raise SuiteError(f"the suite {path} is no UTF-8 text.", hint="Save it as UTF-8.") from error
    return _read(path, lines)


def item_digest(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row's canonical JSON: sorted fields, no white space."""
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path, lines: list[str]) -> Suite:
    rows = [(number, _row(path, number, line)) for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise SuiteError(f"the suite {path} is empty.", hint="Its first line is a header, every other line an item.")
    number, header = rows[0]
    name, version, kind = _header(path, number, header)
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in rows[1:]:
        try:
            item = _item(kind, row)
        except ValueError as error:
            raise SuiteError(f"{error}.", path=path, line=number) from error
        if item.id in seen:
            raise SuiteError(f"the id {item.id!r} is already used in line {seen[item.id]}.", path=path, line=number)
        seen[item.id] = number
        items.append(item)
    if not items:
        raise SuiteError(f"the suite {path} has a header and no items.", hint="Add at least one item.")
    whole = "\n".join([item_digest(header), *(item.digest for item in items)])
    return Suite(
        name=name,
        version=version,
        kind=kind,
        items=tuple(items),
        digest="sha256:" + hashlib.sha256(whole.encode()).hexdigest(),
        about=str(header.get("about", "")),
        licence=str(header.get("licence", "")),
    )


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except ValueError as error:
        raise SuiteError(f"this is no JSON ({error}).", path=path, line=number) from error
    if not isinstance(row, dict):
        raise SuiteError("each line must be a JSON object.", path=path, line=number)
    return row


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _header(path: Path, number: int, header: Mapping[str, Any]) -> tuple[str, int, SuiteKind]:
    name, version, kind = header.get("suite"), header.get("version"), header.get("kind")
    if not isinstance(name, str) or not name:
        hint = 'For example {"suite": "facts", "version": 1, "kind": "choice"}.'
        raise SuiteError("the first line must be a header with a 'suite' name.", path=path, line=number, hint=hint)
    if isinstance(version, bool) or not isinstance(version, int):
        raise SuiteError("the header needs a whole number as 'version'.", path=path, line=number)
    if kind not in set(SuiteKind):
        known = ", ".join(SuiteKind)
        raise SuiteError(f"the header's 'kind' is {kind!r}; known are {known}.", path=path, line=number)
    return name, version, SuiteKind(kind)


def _item(kind: SuiteKind, row: Mapping[str, Any]) -> Item:
    known = {
        SuiteKind.CHOICE: {"prompt", "choices", "answer"},
        SuiteKind.GENERATE: {"messages", "judge", "max_new_tokens"},
        SuiteKind.TEXT: {"text"},
    }[kind]
    if unknown := set(row) - known - {"id", "cluster", "topic"}:
        raise ValueError(f"a {kind} item has no field {min(unknown)!r}")
    name, cluster, topic = _text(row, "id"), _text(row, "cluster"), _text(row, "topic")
    digest = item_digest(row)
    if kind is SuiteKind.TEXT:
        return TextItem(id=name, cluster=cluster, topic=topic, text=_text(row, "text"), digest=digest)
    if kind is SuiteKind.GENERATE:
        judge = row.get("judge")
        if not isinstance(judge, dict):
            raise ValueError("'judge' must be an object with a 'type'")
        limit = row.get("max_new_tokens")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError("'max_new_tokens' must be a whole number of at least 1")
        return GenerateItem(
            id=name,
            cluster=cluster,
            topic=topic,
            messages=_messages(row),
            judge=read_judge(judge),
            max_new_tokens=limit,
            digest=digest,
        )
    choices, answer = row.get("choices"), row.get("answer")
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(c, str) and c.strip() for c in choices):
        raise ValueError("'choices' must be a list of at least two texts")
    if len(set(choices)) < len(choices):
        raise ValueError("'choices' holds the same text twice")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(choices):
        raise ValueError(f"'answer' must be the index of a choice, 0 to {len(choices) - 1}")
    prompt = _text(row, "prompt")
    return ChoiceItem(
        id=name, cluster=cluster, topic=topic, prompt=prompt, choices=tuple(choices), answer=answer, digest=digest
    )


def _messages(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' must be a list of at least one message")
    turns = []
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise ValueError("each message must have exactly 'role' and 'content'")
        if message["role"] not in ("system", "user", "assistant") or not isinstance(message["content"], str):
            raise ValueError("a message's 'role' is system, user or assistant and its 'content' a text")
        turns.append((message["role"], message["content"]))
    if turns[-1][0] == "assistant":
        raise ValueError("the last message must not be the assistant's: that is the reply to be generated")
    return tuple(turns)


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{field!r} must be a text that is not empty")
    return value
