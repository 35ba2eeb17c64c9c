"""The tokenizer and the chat templates a folder brings, read as data.

Templates can stand in four places, and a loader may read any of them: ``chat_template.jinja``,
``additional_chat_templates/*.jinja``, ``tokenizer_config.json`` (a text, or a list of named texts) and
``chat_template.json``. All are listed, so that two that disagree are both seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.intake.strict_json import StrictJsonError, read_json_object

DEFAULT_TEMPLATE = "default"
MAX_TEMPLATE = 1 << 18
"""Longest chat template that is read, in bytes; real ones stay under 50,000."""

TOKENIZER_JSON = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
VOCABULARIES = (
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "added_tokens.json",
)
"""Files that hold words and merges outside ``tokenizer.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """One template in one place."""

    place: str
    """File it stands in, e.g. ``tokenizer_config.json``."""
    name: str
    """``default``, ``tool_use``, ..."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFiles:
    """What one folder says about text going in and out of the model."""

    folder: Path
    templates: tuple[ChatTemplate, ...]
    config: Mapping[str, object] | None
    """``tokenizer_config.json``; ``None`` when there is none."""
    special_tokens: Mapping[str, object] | None
    """``special_tokens_map.json``; ``None`` when there is none."""
    tokenizer: Path | None
    """``tokenizer.json``, not parsed here; ``None`` when there is none."""
    vocabularies: tuple[str, ...]
    """Names of the :data:`VOCABULARIES` there are."""
    unreadable: tuple[tuple[str, str], ...]
    """File and reason, for each file that cannot be read as what it is called."""


def read_tokenizer_files(folder: Path) -> TokenizerFiles:
    """Return what a folder says about its tokenizer; what cannot be read is listed, never skipped."""
    unreadable: list[tuple[str, str]] = []
    config = _object(folder, TOKENIZER_CONFIG, unreadable)
    templates = [
        *_jinja(folder, unreadable),
        *_in_json(TOKENIZER_CONFIG, config, unreadable),
        *_in_json("chat_template.json", _object(folder, "chat_template.json", unreadable), unreadable),
        *_in_json("processor_config.json", _object(folder, "processor_config.json", unreadable), unreadable),
    ]
    return TokenizerFiles(
        folder=folder,
        templates=tuple(templates),
        config=config,
        special_tokens=_object(folder, "special_tokens_map.json", unreadable),
        tokenizer=folder / TOKENIZER_JSON if (folder / TOKENIZER_JSON).is_file() else None,
        vocabularies=tuple(name for name in VOCABULARIES if (folder / name).is_file()),
        unreadable=tuple(unreadable),
    )


def _object(folder: Path, name: str, unreadable: list[tuple[str, str]]) -> dict[str, object] | None:
    if not (folder / name).exists():
        return None
    try:
        return read_json_object(folder / name)
    except (StrictJsonError, OSError) as error:
        unreadable.append((name, str(error)))
        return None


def _jinja(folder: Path, unreadable: list[tuple[str, str]]) -> Iterator[ChatTemplate]:
    more = folder / "additional_chat_templates"
    paths = [folder / "chat_template.jinja"] if (folder / "chat_template.jinja").exists() else []
    paths += sorted(folder.glob("*_chat_template.jinja"))
    paths += sorted(more.glob("*.jinja")) if more.is_dir() else []
    for path in paths:
        place = path.relative_to(folder).as_posix()
        name = DEFAULT_TEMPLATE if place == "chat_template.jinja" else path.stem
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_TEMPLATE + 1)
            if len(data) > MAX_TEMPLATE:
                unreadable.append((place, f"it is longer than {MAX_TEMPLATE} bytes"))
            else:
                yield ChatTemplate(place=place, name=name, text=data.decode())
        except (UnicodeDecodeError, OSError) as error:
            unreadable.append((place, str(error)))


def _in_json(
    place: str, config: Mapping[str, object] | None, unreadable: list[tuple[str, str]]
) -> Iterator[ChatTemplate]:
    value = None if config is None else config.get("chat_template")
    if value is None:
        return
    pairs: list[tuple[object, object]]
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [
            (item.get("name"), item.get("template")) if isinstance(item, Mapping) else (None, None) for item in value
        ]
    else:
        pairs = [(DEFAULT_TEMPLATE, value)]
    for name, text in pairs:
        if isinstance(name, str) and isinstance(text, str) and len(text) <= MAX_TEMPLATE:
            yield ChatTemplate(place=place, name=name, text=text)
        else:
            unreadable.append((place, "its chat_template is neither a text nor a list of named texts"))
