"""Results item by item, in the shape of lm-evaluation-harness's ``log_samples`` files (version 0.4.13).

Fields, in this order: ``doc_id``, ``doc``, ``target``, ``arguments``, ``resps``, ``filtered_resps``, ``filter``,
``metrics``, ``doc_hash``, ``prompt_hash``, ``target_hash``, then one field per metric. As the harness writes them:
``target`` and every leaf of the responses are texts, ``arguments`` is an object of ``gen_args_N`` with ``arg_N``, and
hashes are SHA-256 of the document's indented JSON, of the first argument and of the target. One field is ours:
``gatekeeper``, with the item's ``id``, ``cluster``, ``score`` (null where unmeasured), and ``error``.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

from regression.item_results import ItemResult, SuiteResult
from regression.items import ChoiceItem, ClozeItem, GenerateItem, Item, PhrasesItem, TextItem
from regression.match_judge import Match
from regression.suites import Suite

HARNESS_NAMES = {"loglikelihood": "perplexity", "judge": "exact_match"}
"""What the harness calls a metric of ours in its samples."""


def sample_rows(suite: Suite, result: SuiteResult) -> Iterator[dict[str, Any]]:
    """Yield one row per item, in suite order."""
    for n, (item, found) in enumerate(zip(suite.items, result.items, strict=True)):
        yield _row(suite, n, item, found)


def _row(suite: Suite, n: int, item: Item, found: ItemResult) -> dict[str, Any]:
    doc = item.row.get("doc") or {name: value for name, value in item.row.items() if name != "doc"}
    arguments, target = _asked(suite, item)
    raw, filtered = _answered(item, found)
    metrics = _metrics(item, found)
    return {
        "doc_id": n,
        "doc": doc,
        "target": str(target),
        "arguments": {
            f"gen_args_{i}": {f"arg_{j}": part for j, part in enumerate(parts)} for i, parts in enumerate(arguments)
        },
        "resps": raw,
        "filtered_resps": filtered,
        "filter": "none",
        "metrics": list(metrics),
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(str(arguments[0][0])),
        "target_hash": _hash(str(target)),
        **metrics,
        "gatekeeper": {
            "id": item.id,
            "cluster": item.cluster,
            "score": found.score if math.isfinite(found.score) else None,
            "error": found.error,
        },
    }


def _asked(suite: Suite, item: Item) -> tuple[list[tuple[Any, ...]], Any]:
    """Return the requests' arguments, as the harness would make them, and the target."""
    match item:
        case ChoiceItem():
            target: Any = list(item.answers) if item.answers else item.answer
            return [(item.prompt, choice) for choice in item.choices], target
        case ClozeItem():
            return [(item.prompt, item.target)], item.target
        case PhrasesItem():
            return [(item.prompt, choice) for choice in item.choices], list(item.wanted)
        case TextItem():
            return [(item.text,)], item.text
        case GenerateItem():
            return [(_prompt(item), _generation(suite, item))], _answers(item)


def _prompt(item: GenerateItem) -> str:
    """The prompt, or the conversation as JSON: which text a template makes of it is the model's own affair."""
    turns = [{"role": role, "content": content} for role, content in item.messages]
    return json.dumps(turns, ensure_ascii=False) if turns else item.prompt


def _generation(suite: Suite, item: GenerateItem) -> dict[str, Any]:
    drawn = suite.decoding.temperature > 0
    found: dict[str, Any] = {"until": list(item.until), "max_gen_toks": item.max_new_tokens, "do_sample": drawn}
    return found | ({"temperature": suite.decoding.temperature, "top_p": suite.decoding.top_p} if drawn else {})


def _answers(item: GenerateItem) -> Any:
    answers = item.row.get("judge", {}).get("answers", item.row.get("judge", {}).get("answer", ""))
    return answers[0] if isinstance(answers, list) and len(answers) == 1 else answers


def _answered(item: Item, found: ItemResult) -> tuple[list[Any], list[Any]]:
    """Return raw and filtered responses, every leaf a text."""
    values = dict(found.values)
    match item:
        case GenerateItem():
            replies = [found.text or "", *found.more]
            kept = [item.judge.filtered(reply) for reply in replies] if isinstance(item.judge, Match) else replies
            return [replies], kept if len(kept) == 1 else [kept]
        case TextItem():
            log = str(-values["nats"])
            return [[log]], [log]
        case _:
            pairs = [
                [str(values.get(f"choice_{k}", -math.inf)), str(bool(found.greedy[k]))]
                for k in range(len(item.choices))
            ]
            return [[pair] for pair in pairs], pairs


def _metrics(item: Item, found: ItemResult) -> dict[str, Any]:
    """Return the item's metrics by the harness's names; where it weights, as [log-likelihood, weight]."""
    values = dict(found.values)
    metrics: dict[str, Any] = {}
    for name, value in found.metrics:
        known = HARNESS_NAMES.get(name, name)
        finite = value if math.isfinite(value) else None
        if isinstance(item, TextItem) and name in ("word_perplexity", "byte_perplexity", "bits_per_byte"):
            metrics[known] = [-values["nats"], int(values["words" if name == "word_perplexity" else "bytes"])]
        else:
            # The harness writes whether a continuation is the likeliest as a whole number.
            metrics[known] = int(value) if isinstance(item, ClozeItem) and name == "acc" else finite
    return metrics


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
