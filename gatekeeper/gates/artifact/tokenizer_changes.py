"""How one tokenizer differs from another in what it does to text.

Only a difference that changes behaviour counts: words, merges, normalisation, special tokens. Padding, truncation and
the settings that a save writes by itself are told apart and counted as settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.findings import Severity
from gatekeeper.intake.strict_json import StrictJsonError, read_json_object
from gatekeeper.intake.tokenizer_files import TOKENIZER_CONFIG, TOKENIZER_JSON, TokenizerFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerChange:
    """One difference."""

    file: str
    message: str
    severity: Severity
    special: bool = False
    """True when it is about special tokens."""
    setting: bool = False
    """True when it changes no text: shown, and not counted as a change."""


_ROLES: Mapping[str, Severity] = MappingProxyType(
    {
        "bos_token": Severity.HIGH,
        "eos_token": Severity.HIGH,
        "unk_token": Severity.MEDIUM,
        "pad_token": Severity.LOW,
        "additional_special_tokens": Severity.MEDIUM,
        "extra_special_tokens": Severity.MEDIUM,
        "add_bos_token": Severity.HIGH,
        "add_eos_token": Severity.HIGH,
        "added_tokens_decoder": Severity.HIGH,
    }
)
_BEHAVIOUR: Mapping[str, Severity] = MappingProxyType(
    {
        "tokenizer_class": Severity.MEDIUM,
        "do_lower_case": Severity.HIGH,
        "add_prefix_space": Severity.MEDIUM,
        "legacy": Severity.LOW,
        "byte_fallback": Severity.MEDIUM,
        "split_special_tokens": Severity.HIGH,
    }
)
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_CLASSES_ALIKE = frozenset({"TokenizersBackend", "PreTrainedTokenizerFast"})


def tokenizer_changes(candidate: TokenizerFiles, reference: TokenizerFiles) -> Iterator[TokenizerChange]:
    """Yield each difference between the tokenizer files a candidate brings and those of a reference.

    What the candidate does not bring it inherits, and that is no difference.
    """
    if candidate.tokenizer is not None:
        yield from _in_tokenizer(candidate.tokenizer, reference.tokenizer)
    for name in candidate.vocabularies:
        if name == "added_tokens.json" and name not in reference.vocabularies and reference.tokenizer is not None:
            continue  # the same words stand in tokenizer.json, where they are compared
        yield from _in_vocabulary(name, candidate.folder / name, reference.folder / name)
    if candidate.config is not None:
        yield from _in_config(TOKENIZER_CONFIG, candidate.config, reference.config or {})
    if candidate.special_tokens is not None:
        known = reference.special_tokens if reference.special_tokens is not None else reference.config or {}
        yield from _in_config("special_tokens_map.json", candidate.special_tokens, known)


def _in_vocabulary(name: str, ours: Path, theirs: Path) -> Iterator[TokenizerChange]:
    if not theirs.is_file():
        yield _change(name, "The candidate brings a vocabulary that the reference does not have.", Severity.HIGH)
    elif sha256_file(ours) != sha256_file(theirs):
        yield _change(name, "The vocabulary is not the reference's.", Severity.HIGH)


def _in_tokenizer(ours: Path, theirs: Path | None) -> Iterator[TokenizerChange]:
    if theirs is None:
        yield _change(TOKENIZER_JSON, "The candidate brings a tokenizer and the reference has none.", Severity.HIGH)
        return
    if sha256_file(ours) == sha256_file(theirs):
        return
    try:
        new, old = read_json_object(ours), read_json_object(theirs)
    except (StrictJsonError, OSError) as error:
        yield _change(TOKENIZER_JSON, f"The tokenizer cannot be read: {error}.", Severity.CRITICAL)
        return
    yield from _added_tokens(new.get("added_tokens"), old.get("added_tokens"))
    for part in _PARTS:
        if new.get(part) != old.get(part):
            yield _change(TOKENIZER_JSON, f"Its {part} is not the reference's.", Severity.HIGH)
    yield from _model(_mapping(new.get("model")), _mapping(old.get("model")))
    for part in sorted((new.keys() | old.keys()) - {"added_tokens", "model", *_PARTS}):
        if new.get(part) != old.get(part):
            message = f"Its {part} is not the reference's; it changes lengths, not words."
            yield TokenizerChange(file=TOKENIZER_JSON, message=message, severity=Severity.INFO, setting=True)


def _added_tokens(new: object, old: object) -> Iterator[TokenizerChange]:
    ours, theirs = _by_content(new), _by_content(old)
    for word in sorted(ours.keys() | theirs.keys()):
        if ours.get(word) != theirs.get(word):
            how = "changed" if word in ours and word in theirs else "added" if word in ours else "removed"
            message = f"The special token {word[:80]!r} was {how}."
            yield _change(TOKENIZER_JSON, message, Severity.HIGH, special=True)


def _model(new: Mapping[str, object], old: Mapping[str, object]) -> Iterator[TokenizerChange]:
    for part in sorted(new.keys() | old.keys()):
        ours, theirs = new.get(part), old.get(part)
        if ours == theirs:
            continue
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            moved = sum(1 for word in ours.keys() & theirs.keys() if ours[word] != theirs[word])
            added, removed = len(ours.keys() - theirs.keys()), len(theirs.keys() - ours.keys())
            message = f"Its {part} has {added} new, {removed} missing and {moved} renumbered entries."
        elif isinstance(ours, list) and isinstance(theirs, list):
            same = sum(1 for one, other in zip(ours, theirs, strict=False) if one == other)
            message = f"Its {part} has {len(ours)} entries, the reference {len(theirs)}, of which {same} are the same."
        else:
            message = f"Its model setting {part} is {ours!r:.80}, the reference's {theirs!r:.80}."
        yield _change(TOKENIZER_JSON, message, Severity.HIGH)


def _in_config(file: str, new: Mapping[str, object], old: Mapping[str, object]) -> Iterator[TokenizerChange]:
    for key in sorted(new.keys() | old.keys()):
        if key == "chat_template":
            continue
        ours, theirs = _token(new.get(key)), _token(old.get(key))
        if ours == theirs or (key == "tokenizer_class" and {ours, theirs} <= _CLASSES_ALIKE):
            continue
        if key not in new and key not in {"bos_token", "eos_token"}:
            continue
        message = f"Its {key} is {ours!r:.80}, the reference's {theirs!r:.80}."
        if key in _ROLES:
            yield _change(file, message, _ROLES[key], special=True)
        elif key in _BEHAVIOUR:
            yield _change(file, message, _BEHAVIOUR[key])
        else:
            yield TokenizerChange(file=file, message=message, severity=Severity.INFO, setting=True)


def _token(value: object) -> object:
    """Return a token's text, however the file writes it down; anything else as it is, hashable or not."""
    if isinstance(value, Mapping) and isinstance(value.get("content"), str):
        return value["content"]
    if isinstance(value, list):
        return tuple(repr(_token(item)) for item in value)
    return repr(dict(sorted(value.items()))) if isinstance(value, Mapping) else value


def _by_content(tokens: object) -> dict[str, object]:
    if not isinstance(tokens, list):
        return {}
    return {str(token.get("content")): token for token in tokens if isinstance(token, Mapping)}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _change(file: str, message: str, severity: Severity, *, special: bool = False) -> TokenizerChange:
    return TokenizerChange(file=file, message=message, severity=severity, special=special)
