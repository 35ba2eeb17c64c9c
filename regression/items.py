"""Items: what a model is asked, one frozen value per kind, read from one row of a suite.

A row is a JSON object. ``id``, ``cluster`` and ``topic`` are texts in every kind; ``doc`` may carry the document an
item was made from, which samples repeat. A header's preamble stands before the prompt of every item.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from regression.judges import Judge, read_judge


class SuiteKind(StrEnum):
    """How the items of a suite are scored."""

    CHOICE = "choice"
    GENERATE = "generate"
    TEXT = "text"
    CLOZE = "cloze"
    PHRASES = "phrases"


FIELDS: Mapping[SuiteKind, frozenset[str]] = {
    SuiteKind.CHOICE: frozenset({"prompt", "choices", "answer", "answers"}),
    SuiteKind.GENERATE: frozenset({"messages", "prompt", "judge", "max_new_tokens", "until"}),
    SuiteKind.TEXT: frozenset({"text"}),
    SuiteKind.CLOZE: frozenset({"prompt", "target"}),
    SuiteKind.PHRASES: frozenset({"prompt", "wanted", "unwanted"}),
}
"""Fields of a row, besides those every kind has."""

SHARED_FIELDS = frozenset({"id", "cluster", "topic", "doc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceItem:
    """A prompt and the texts that may follow it; at least one is right."""

    id: str
    cluster: str
    """Items written from one template or document share it; standard errors are clustered by it."""
    topic: str
    prompt: str
    """With the suite's preamble before it."""
    choices: tuple[str, ...]
    """At least two, with their leading space."""
    answer: int
    """Index of the right choice; of the first of them, where several are right."""
    digest: str
    """SHA-256 of the item's canonical JSON."""
    answers: tuple[int, ...] = ()
    """Indices of all right choices, where the row names several."""
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The item as it was read."""

    @property
    def right(self) -> tuple[int, ...]:
        """Indices of all right choices."""
        return self.answers or (self.answer,)

    @property
    def question(self) -> str:
        """What is asked, for a reader."""
        return f"{self.prompt} →{self.choices[self.answer]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClozeItem:
    """A prompt and the one text that should follow it."""

    id: str
    cluster: str
    topic: str
    prompt: str
    target: str
    """With its leading space."""
    digest: str
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that are scored after the prompt."""
        return (self.target,)

    @property
    def question(self) -> str:
        """What is asked, for a reader."""
        return f"{self.prompt} →{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhrasesItem:
    """A prompt, phrases one of which should follow it, and phrases none of which should."""

    id: str
    cluster: str
    topic: str
    prompt: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    digest: str
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that are scored after the prompt: wanted ones first."""
        return self.wanted + self.unwanted

    @property
    def question(self) -> str:
        """What is asked, for a reader."""
        return f"{self.prompt} →{self.wanted[0]}, not{self.unwanted[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateItem:
    """A conversation to answer or a text to go on with, and the judge of the answer."""

    id: str
    cluster: str
    topic: str
    messages: tuple[tuple[str, str], ...]
    """(role, content), in order; the last is not the assistant's. Empty where there is a prompt."""
    judge: Judge
    max_new_tokens: int
    digest: str
    prompt: str = ""
    """A text to go on with as it is, without a chat template; with the suite's preamble before it."""
    until: tuple[str, ...] = ()
    """Texts at the first of which the reply ends; they are not part of it."""
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def question(self) -> str:
        """What is asked, for a reader."""
        return self.messages[-1][1] if self.messages else self.prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class TextItem:
    """A text to read."""

    id: str
    cluster: str
    topic: str
    text: str
    digest: str
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def question(self) -> str:
        """What is read."""
        return self.text


Item: TypeAlias = ChoiceItem | GenerateItem | TextItem | ClozeItem | PhrasesItem


def item_digest(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row's canonical JSON: sorted fields, no white space."""
    return hashlib.sha256(canonical(row).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(row: Mapping[str, Any]) -> str:
    """Return a row as JSON with sorted fields and no white space."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_item(kind: SuiteKind, row: Mapping[str, Any], *, preamble: str = "") -> Item:
    """Build one item.

    Raises:
        ValueError: a field is missing, mistyped or unknown; the message is one clause without a full stop.
    """
    if unknown := set(row) - FIELDS[kind] - SHARED_FIELDS:
        raise ValueError(f"a {kind} item has no field {min(unknown)!r}")
    if not isinstance(row.get("doc", {}), dict):
        raise ValueError("'doc' must be an object")
    named: dict[str, Any] = {name: _text(row, name) for name in ("id", "cluster", "topic")}
    named |= {"digest": item_digest(row), "row": dict(row)}
    match kind:
        case SuiteKind.TEXT:
            return TextItem(text=_text(row, "text"), **named)
        case SuiteKind.GENERATE:
            return _generate(row, named, preamble)
        case SuiteKind.CLOZE:
            return ClozeItem(prompt=_prompt(row, preamble), target=_text(row, "target"), **named)
        case SuiteKind.PHRASES:
            wanted, unwanted = _texts(row, "wanted", 1), _texts(row, "unwanted", 1)
            if both := set(wanted) & set(unwanted):
                raise ValueError(f"{min(both)!r} is both wanted and unwanted")
            return PhrasesItem(prompt=_prompt(row, preamble), wanted=wanted, unwanted=unwanted, **named)
        case SuiteKind.CHOICE:
            return _choice(row, named, preamble)


def _choice(row: Mapping[str, Any], named: dict[str, Any], preamble: str) -> ChoiceItem:
    choices = _texts(row, "choices", 2)
    last = len(choices) - 1
    if "answer" not in row and "answers" not in row:
        raise ValueError("a choice item needs an 'answer', or several 'answers'")
    if "answer" in row and "answers" in row:
        raise ValueError("a choice item has an 'answer' or several 'answers', not both")
    if "answers" in row:
        answers = row["answers"]
        if not isinstance(answers, list) or not answers or not all(_is_index(a, last) for a in answers):
            raise ValueError(f"'answers' must be a list of indices of choices, 0 to {last}")
        if len(set(answers)) < len(answers):
            raise ValueError("'answers' holds the same index twice")
        first, several = answers[0], tuple(answers)
    else:
        if not _is_index(row["answer"], last):
            raise ValueError(f"'answer' must be the index of a choice, 0 to {last}")
        first, several = row["answer"], ()
    return ChoiceItem(prompt=_prompt(row, preamble), choices=choices, answer=first, answers=several, **named)


def _generate(row: Mapping[str, Any], named: dict[str, Any], preamble: str) -> GenerateItem:
    if ("messages" in row) == ("prompt" in row) and "prompt" in row:
        raise ValueError("a generate item has 'messages' or a 'prompt', not both")
    if preamble and "messages" in row:
        raise ValueError("a preamble stands before prompts; with 'messages', use a system message")
    judge = row.get("judge")
    if not isinstance(judge, dict):
        raise ValueError("'judge' must be an object with a 'type'")
    limit = row.get("max_new_tokens")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError("'max_new_tokens' must be a whole number of at least 1")
    until = row.get("until", [])
    if not isinstance(until, list) or not all(isinstance(text, str) and text for text in until):
        raise ValueError("'until' must be a list of texts that are not empty")
    return GenerateItem(
        messages=() if "prompt" in row else _messages(row),
        prompt=_prompt(row, preamble) if "prompt" in row else "",
        judge=read_judge(judge),
        max_new_tokens=limit,
        until=tuple(until),
        **named,
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


def _prompt(row: Mapping[str, Any], preamble: str) -> str:
    """Preamble and prompt; the prompt may be empty only after a preamble."""
    if preamble and row.get("prompt") == "":
        return preamble
    return preamble + _text(row, "prompt")


def _texts(row: Mapping[str, Any], name: str, least: int) -> tuple[str, ...]:
    value = row.get(name)
    count = {1: "one text", 2: "two texts"}[least]
    if not isinstance(value, list) or len(value) < least or not all(isinstance(t, str) and t.strip() for t in value):
        raise ValueError(f"{name!r} must be a list of at least {count}")
    if len(set(value)) < len(value):
        raise ValueError(f"{name!r} holds the same text twice")
    return tuple(value)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name!r} must be a text that is not empty")
    return value


def _is_index(value: object, last: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= last
