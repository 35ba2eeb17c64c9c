"""A suite as tokens for one model: what is scored or answered in every item, refused by name where it does not fit."""

import json
from collections.abc import Sequence
from pathlib import Path as Folder
from typing import Final, cast

from regression.errors import ModelError
from regression.models import Encoder
from regression.paths import WINDOW, Path, Scored, choice_paths, rolling_paths, text_paths
from regression.suites import GenerateItem, Suite, SuiteKind, TextItem

_CONTEXT: Final = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")


def configuration(base: Folder) -> tuple[str, int | None]:
    """Return the architecture's name and the most tokens the model reads at once.

    A model whose layers see only a window of the text is named by nothing: a mask of ours would overrule the window.

    Raises:
        ModelError: the folder holds no readable configuration.
    """
    try:
        config = json.loads((base / "config.json").read_text(encoding="utf-8"))
        limit = next((config[name] for name in _CONTEXT if name in config), None)
        windowed = config.get("use_sliding_window") or "sliding_attention" in (config.get("layer_types") or ())
        name = "" if windowed else str(config.get("model_type", ""))
        return name, limit if isinstance(limit, int) and limit > 0 else None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{base} holds no readable config.json.", hint="Give a model folder.") from error


def scored(suite: Suite, encoder: Encoder, *, context: int | None) -> list[tuple[Path, ...]]:
    """Return the paths of each item of a suite that is not answered in the model's own words, in suite order.

    Args:
        suite: any kind but ``generate``.
        encoder: the model's tokenizer.
        context: most tokens the model reads at once; ``None`` where its configuration names no limit.

    Raises:
        ModelError: the tokenizer leaves nothing to score, or an item is longer than the context; it is named.
    """
    if suite.kind is SuiteKind.TEXT:
        texts = cast("Sequence[TextItem]", suite.items)
        if suite.rolling:
            return [rolling_paths(item, encoder, window=context or WINDOW) for item in texts]
        return [text_paths(item, encoder, window=min(context or WINDOW, WINDOW)) for item in texts]
    found = choice_paths(cast("Sequence[Scored]", suite.items), encoder)
    for item, paths in zip(suite.items, found, strict=True):
        _fits(item.id, max(len(path.tokens) for path in paths) - 1, context)
    return found


def prompts(suite: Suite, encoder: Encoder, *, context: int | None) -> list[tuple[int, ...]]:
    """Return the token ids that each item of a ``generate`` suite is answered after; arguments as of ``scored``.

    Raises:
        ModelError: the chat template gives nothing, or prompt and longest reply do not fit the context.
    """
    found = []
    for item in cast("Sequence[GenerateItem]", suite.items):
        ids = encoder.chat(item.messages) if item.messages else [*encoder.prefix, *encoder.ids(item.prompt)]
        if not ids:
            what = "chat template" if item.messages else "tokenizer"
            raise ModelError(f"the {what} gives nothing to answer for item {item.id!r}.")
        _fits(item.id, len(ids) + item.max_new_tokens, context)
        found.append(tuple(ids))
    return found


def _fits(name: str, tokens: int, context: int | None) -> None:
    if context is not None and tokens > context:
        raise ModelError(
            f"item {name!r} needs {tokens} tokens, the model reads at most {context}.",
            hint="Shorten the item, its preamble or its reply, or leave it out of the suite.",
        )
