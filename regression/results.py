"""One model on one suite as two files: ``samples.jsonl``, item by item, and ``results.json``, the summary.

The summary names the digest of the samples, of the suite and of the model, so that a folder can be compared with
later and nothing in it can be swapped unseen. A suite cut short is marked ``limited`` and is no evidence.
"""

import hashlib
import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from regression.errors import RegressionError, UnmeasuredError
from regression.item_results import ItemResult, SuiteResult
from regression.metrics import COUNTS_TOKENS, LOWER_IS_BETTER, Measured, totals
from regression.models import Encoder, ModelRef
from regression.paired import Paired, compare_scores, proportion
from regression.plugin_judges import Plugin
from regression.samples import sample_rows
from regression.suites import GenerateItem, Suite

SCHEMA: Final = "gatekeeper eval results, version 1"
SAMPLES, RESULTS = "samples.jsonl", "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier evaluation left in its folder."""

    folder: Path
    summary: dict[str, Any]
    items: tuple[tuple[str, str, float], ...]
    """(id, cluster, score) in suite order; NaN where unmeasured."""


def tokenizer_digest(encoder: Encoder) -> str:
    """``sha256:`` and 64 hexadecimal digits over everything a tokenizer cuts texts by."""
    inner = getattr(encoder.tokenizer, "backend_tokenizer", None)
    whole = inner.to_str() if inner is not None else json.dumps(sorted(encoder.tokenizer.get_vocab().items()))
    return "sha256:" + hashlib.sha256(f"{encoder.prefix}{whole}".encode()).hexdigest()


def summarise(
    suite: Suite,
    result: SuiteResult,
    ref: ModelRef,
    *,
    tokenizer: str,
    arithmetic: tuple[str, str],
    alpha: float = 0.05,
) -> dict[str, Any]:
    """Return the summary, without the samples' digest, which ``write_results`` adds.

    Args:
        suite: what was asked.
        result: what came of it.
        ref: the model.
        tokenizer: its tokenizer's digest.
        arithmetic: dtype and device.
        alpha: level of each one-sided bound.
    """
    unmeasured = [{"id": item.id, "error": item.error} for item in result.items if not math.isfinite(item.score)]
    score: dict[str, Any] = {"name": suite.score, "higher_is_better": suite.score not in LOWER_IS_BETTER}
    try:
        found = proportion(result, alpha=alpha)
        score |= {"value": found.mean} | {k: v for k, v in asdict(found).items() if k != "mean"}
    except UnmeasuredError as error:
        score |= {"value": None, "low": None, "high": None, "n": len(result.items), "unmeasured": str(error)}
    measured = [Measured(values=item.values, metrics=item.metrics) for item in result.items]
    return {
        "schema": SCHEMA,
        "suite": {
            "name": suite.name,
            "version": suite.version,
            "kind": str(suite.kind),
            "digest": suite.digest,
            "items": len(suite.items),
        },
        "limited": suite.limited,
        "model": {
            "base": str(ref.base),
            "adapter": str(ref.adapter) if ref.adapter else None,
            "digest": result.model_digest,
            "tokenizer_digest": tokenizer,
        },
        "score": score,
        "metrics": {name: value if math.isfinite(value) else None for name, value in totals(suite, measured).items()},
        "unmeasured": unmeasured,
        "tokens": {"scored": result.tokens_scored, "generated": result.tokens_generated},
        "environment": {
            "dtype": arithmetic[0],
            "device": arithmetic[1],
            "machine": platform.machine(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "peft")},
            "judges": _packages(suite),
        },
    }


def compare_with(suite: Suite, summary: dict[str, Any], result: SuiteResult, earlier: Earlier) -> Paired:
    """Return the paired difference to an earlier evaluation, positive where the present one is better.

    Raises:
        UnmeasuredError: the two were asked or measured differently, or an item was not measured.
    """
    theirs = earlier.summary
    if theirs["suite"]["digest"] != suite.digest:
        raise UnmeasuredError(
            f"{earlier.folder} was evaluated on {theirs['suite']['name']} {theirs['suite']['digest'][:19]}…, "
            f"this model on {suite.name} {suite.digest[:19]}….",
            hint="Evaluate both on one suite, whole or with the same limit.",
        )
    if theirs["environment"]["dtype"] != summary["environment"]["dtype"]:
        raise UnmeasuredError(
            f"{earlier.folder} was evaluated in {theirs['environment']['dtype']}, "
            f"this model in {summary['environment']['dtype']}.",
            hint="Give the same --dtype.",
        )
    if suite.score in COUNTS_TOKENS and theirs["model"]["tokenizer_digest"] != summary["model"]["tokenizer_digest"]:
        raise UnmeasuredError(
            f"the tokenizer of {earlier.folder} differs, and {suite.score} depends on how texts are cut.",
            hint="Choose a metric per byte, or per character, in the suite's header.",
        )
    if [item.id for item in result.items] != [name for name, _, _ in earlier.items]:
        raise UnmeasuredError(f"{earlier.folder} holds other items than the suite.", hint="Evaluate it again.")
    sign = -1.0 if suite.score in LOWER_IS_BETTER else 1.0
    return compare_scores(
        [sign * item.score for item in result.items],
        [sign * score for _, _, score in earlier.items],
        [item.cluster for item in result.items],
        alpha=summary["score"].get("alpha", 0.05),
    )


def write_results(folder: Path, suite: Suite, result: SuiteResult, summary: dict[str, Any]) -> None:
    """Write samples and summary; the summary last, so that a folder with one is complete.

    Raises:
        RegressionError: the folder cannot be written.
    """
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in sample_rows(suite, result))
    summary = {**summary, "samples_digest": _digest(text)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RESULTS).unlink(missing_ok=True)
        (folder / SAMPLES).write_text(text, encoding="utf-8", newline="\n")
        draft = folder / f"{RESULTS}.part"
        draft.write_text(json.dumps(summary, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        draft.replace(folder / RESULTS)
    except OSError as error:
        raise RegressionError(f"the results cannot be written to {folder}: {error.strerror or error}.") from error


def read_results(folder: Path) -> Earlier:
    """Read what an earlier evaluation left.

    Raises:
        RegressionError: the folder holds no complete evaluation, or its samples were changed.
    """
    hint = "Name the --out folder of an earlier gatekeeper eval."
    try:
        summary = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        text = (folder / SAMPLES).read_bytes().decode("utf-8")
        if summary["samples_digest"] != _digest(text):
            raise RegressionError(f"the samples in {folder} are not those its results were made from.", hint=hint)
        rows = [json.loads(line)["gatekeeper"] for line in text.splitlines()]
        items = tuple((str(row["id"]), str(row["cluster"]), _number(row["score"])) for row in rows)
        needed = (summary["suite"]["digest"], summary["model"]["tokenizer_digest"], summary["environment"]["dtype"])
    except OSError as error:
        raise RegressionError(f"{folder} holds no evaluation: {error.strerror or error}.", hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RegressionError(f"the evaluation in {folder} cannot be read ({error}).", hint=hint) from error
    del needed
    return Earlier(folder=folder, summary=summary, items=items)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _packages(suite: Suite) -> Sequence[str]:
    judges = [item.judge for item in suite.items if isinstance(item, GenerateItem)]
    return sorted({judge.package for judge in judges if isinstance(judge, Plugin)})


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def with_kl(suite: Suite, result: SuiteResult, kl: Sequence[float]) -> SuiteResult:
    """Return a result on texts with ``topk_kl`` filled in, in nats per token and suite order."""

    def filled(item: ItemResult, value: float) -> ItemResult:
        metrics = tuple((name, value if name == "topk_kl" else old) for name, old in item.metrics)
        return replace(item, metrics=metrics, score=dict(metrics)[suite.score], error=None)

    return replace(result, items=tuple(filled(item, value) for item, value in zip(result.items, kl, strict=True)))
