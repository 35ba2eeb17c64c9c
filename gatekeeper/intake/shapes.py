"""What one record means: its shape, the text the model is given, the text it is taught to say.

A record may hold the columns of several shapes; the most specific one names it (preference, chat, instruction,
completion, text), and ``fields`` still lists every string in the record, so that nothing a trainer could read escapes
a gate that reads fields. A column that is ``null`` is an empty text: whether that is acceptable is a question for
``data/schema``. Text is never stripped or normalised.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gatekeeper.core.rows import RowShape, TrainingRow, Turn
from gatekeeper.intake.provenance import read_provenance

_ROLE_NAMES: Mapping[str, str] = MappingProxyType({"human": "user", "gpt": "assistant"})
_CHAT_KEYS = ("messages", "conversations")
_GIVEN = frozenset({"system", "developer", "user", "tool"})
_LABELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "role": _GIVEN | {"assistant", "function"},
        "from": _GIVEN | {"human", "gpt", "assistant", "function"},
        "type": frozenset({"text", "image", "image_url", "audio", "video", "function"}),
    }
)
"""Words that mark up a conversation and are no text of it. Any other value under these keys is."""
_MAX_DEPTH = 100


class UnknownShape(ValueError):
    """The record is no training row we can name. Never leaves intake."""


def understand(record: Mapping[str, object], index: int) -> TrainingRow:
    """Return the training row a record stands for.

    Raises:
        UnknownShape: it has the columns of no shape, or a column holds something else than its shape says.
    """
    shape = _shape(record)
    turns, rejected = _TURNS[shape](record)
    last = max((at for at, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    if shape is RowShape.TEXT:
        prompt, response = "", turns[0].text
    else:
        prompt = "\n".join(turn.text for turn in turns if turn.role in _GIVEN and turn.text)
        response = turns[last].text if last >= 0 else ""
    row = TrainingRow(
        index=index,
        id=_id(record, index),
        shape=shape,
        fields=tuple(_fields(record)),
        prompt=prompt,
        response=response,
        rejected=rejected,
        turns=turns,
        provenance=read_provenance(record),
    )
    _require_text(row)
    return row


def _shape(record: Mapping[str, object]) -> RowShape:
    keys = record.keys()
    if {"chosen", "rejected"} <= keys:
        return RowShape.PREFERENCE
    if any(record.get(key) is not None for key in _CHAT_KEYS):
        return RowShape.CHAT
    if "instruction" in keys and keys & {"output", "response"}:
        return RowShape.INSTRUCTION
    if "prompt" in keys and keys & {"completion", "response"}:
        return RowShape.COMPLETION
    if "text" in keys:
        return RowShape.TEXT
    listed = ", ".join(sorted(str(key)[:40] for key in keys)[:8]) or "nothing"
    raise UnknownShape(
        f"has no known shape (columns: {listed}); known are instruction/input/output, prompt/completion, messages, "
        "chosen/rejected and text"
    )


def _preference(record: Mapping[str, object]) -> tuple[tuple[Turn, ...], str | None]:
    before = _turns(record.get("prompt"), "prompt", role="user")
    chosen = _turns(record["chosen"], "chosen", role="assistant")
    rejected = _turns(record["rejected"], "rejected", role="assistant")
    if before and chosen[: len(before)] == before:
        before = ()
    refused = next((turn.text for turn in reversed(rejected) if turn.role == "assistant"), "")
    return (*before, *chosen), refused


def _chat(record: Mapping[str, object]) -> tuple[tuple[Turn, ...], str | None]:
    key = next(key for key in _CHAT_KEYS if record.get(key) is not None)
    value = record[key]
    if isinstance(value, str):
        value = _messages_in_text(value, key)
    if not isinstance(value, list):
        raise UnknownShape(f"has {key!r} that is no list of messages")
    return (*_turns(record.get("system"), "system", role="system"), *_turns(value, key, role="")), None


def _instruction(record: Mapping[str, object]) -> tuple[tuple[Turn, ...], str | None]:
    parts = [_text(record["instruction"], "instruction"), _text(record.get("input"), "input")]
    given = Turn(role="user", text="\n".join(part for part in parts if part))
    answer = "output" if "output" in record else "response"
    said = Turn(role="assistant", text=_text(record[answer], answer))
    return (*_turns(record.get("system"), "system", role="system"), given, said), None


def _completion(record: Mapping[str, object]) -> tuple[tuple[Turn, ...], str | None]:
    answer = "completion" if "completion" in record else "response"
    given = _turns(record["prompt"], "prompt", role="user")
    said = _turns(record[answer], answer, role="assistant")
    return (*(given or (Turn(role="user", text=""),)), *(said or (Turn(role="assistant", text=""),))), None


def _plain_text(record: Mapping[str, object]) -> tuple[tuple[Turn, ...], str | None]:
    return (Turn(role="assistant", text=_text(record["text"], "text")),), None


_TURNS = {
    RowShape.PREFERENCE: _preference,
    RowShape.CHAT: _chat,
    RowShape.INSTRUCTION: _instruction,
    RowShape.COMPLETION: _completion,
    RowShape.TEXT: _plain_text,
}


def _turns(value: object, field: str, *, role: str) -> tuple[Turn, ...]:
    """Return a text as one turn of ``role``, a list of messages as its turns, ``None`` as none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        return (Turn(role=role, text=_text(value, field)),)
    turns = []
    for at, message in enumerate(value):
        name = f"{field}[{at}]"
        if not isinstance(message, dict):
            raise UnknownShape(f"has {name!r} that is no message")
        role_key, text_key = ("role", "content") if "role" in message else ("from", "value")
        said_by = message.get(role_key)
        if not isinstance(said_by, str):
            raise UnknownShape(f"has {name!r} without a role")
        turns.append(
            Turn(
                role=_ROLE_NAMES.get(said_by, said_by),
                text=_content(message.get(text_key), f"{name}.{text_key}"),
            )
        )
    return tuple(turns)


def _content(value: object, field: str) -> str:
    """Return a message's text: a string, or the text parts of multi-part content, joined as templates join them."""
    if not isinstance(value, list):
        return _text(value, field)
    parts = []
    for at, part in enumerate(value):
        if isinstance(part, dict):
            parts.append(_text(part.get("text"), f"{field}[{at}].text"))
        else:
            parts.append(_text(part, f"{field}[{at}]"))
    return "".join(parts)


def _text(value: object, field: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise UnknownShape(f"has {field!r} that is no text")


def _messages_in_text(value: str, key: str) -> object:
    """Return messages that a table wrote into one cell as JSON."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UnknownShape(f"has {key!r} that is neither a list of messages nor JSON of one") from error


def _fields(record: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield every text below a record with its path; the row's id is a name, not a text."""
    for key, value in record.items():
        if key != "id":
            yield from _leaves(value, key, depth=0)


def _leaves(value: object, path: str, *, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _MAX_DEPTH:
        raise UnknownShape(f"is nested more than {_MAX_DEPTH} levels deep")
    match value:
        case str():
            yield path, value
        case bool() | None:
            return
        case int() | float():
            if depth == 0:
                yield path, json.dumps(value)
        case dict():
            for key, item in value.items():
                if not (isinstance(item, str) and item in _LABELS.get(key, ())):
                    yield from _leaves(item, f"{path}.{key}", depth=depth + 1)
        case list() | tuple():
            for at, item in enumerate(value):
                yield from _leaves(item, f"{path}[{at}]", depth=depth + 1)


def _id(record: Mapping[str, object], index: int) -> str:
    own = record.get("id")
    if isinstance(own, bool) or not isinstance(own, str | int) or own == "":
        return f"row-{index}"
    return str(own)


def _require_text(row: TrainingRow) -> None:
    """Refuse half a surrogate pair: JSON can write one, and no file, database or tokenizer can hold it."""
    for name, text in (("id", row.id), *row.fields):
        try:
            text.encode()
            name.encode()
        except UnicodeEncodeError as error:
            raise UnknownShape(f"has {name!a} with half a surrogate pair, which is no text") from error
