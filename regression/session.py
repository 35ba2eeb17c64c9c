"""One evaluation session: models in, per-item results out, nothing computed twice.

The order of an evaluation: tokenise, plan the batches from lengths alone, look every item up by content, run only the
batches that lack one, store them as they finish, judge. A batch is always run whole, so a result is the same to the
last bit whether it was interrupted, cached in part, or fresh.
"""

import hashlib
import json
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from regression.cache import Cache, Output, key
from regression.errors import ModelError
from regression.inputs import configuration, tokenise
from regression.metrics import measure
from regression.models import Encoder, LoadedBase, ModelRef, load_encoder
from regression.progress import Meter, Standing
from regression.rounds import rounds
from regression.suites import GenerateItem, Item, Suite, SuiteKind

ENGINE: Final = "2"
"""Raised whenever the same inputs would give other numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What one item came to."""

    id: str
    cluster: str
    score: float
    """The metric the suite's header names; NaN where it was not measured. By default, choices: 1.0 when the likeliest
    is the answer; replies: the judge's score; texts: mean negative log-likelihood, in nats per token."""
    values: tuple[tuple[str, float], ...]
    """Choices: ``choice_0``, ... each log-likelihood in nats, and ``tokens_0``, ... the tokens each was summed over.
    Texts: ``nats``, ``tokens``, ``bytes``, ``words``."""
    text: str | None = None
    """The reply; the first of several."""
    more: tuple[str, ...] = ()
    """The other replies, where several are drawn."""
    greedy: tuple[bool, ...] = ()
    """Choices: whether each is what the likeliest token at every place gives."""
    metrics: tuple[tuple[str, float], ...] = ()
    """Every metric of the suite's kind, see ``regression.metrics``."""
    error: str | None = None
    """Why the item was not measured."""

    def value(self, name: str) -> float:
        """Return one of the values; ``KeyError`` when there is none of that name."""
        return dict(self.values)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """One model on one suite."""

    suite: str
    suite_digest: str
    kind: SuiteKind
    model_digest: str
    items: tuple[ItemResult, ...]
    """In suite order."""
    fresh: int
    """Items computed in this call."""
    cached: int
    """Items found in the cache."""
    tokens_scored: int
    """Tokens the model was given over all items, cached or not."""
    tokens_generated: int
    """Tokens it generated over all items, cached or not."""


class Session:
    """Evaluates models on suites with one base in memory at a time. May be shared by threads; calls take turns."""

    def __init__(
        self,
        cache_dir: Path | None,
        *,
        dtype: str = "bfloat16",
        device: str = "auto",
        batch_tokens: int = 2048,
        batch_replies: int = 16,
        progress: Callable[[Standing], None] | None = None,
    ) -> None:
        """Open the cache; no model is loaded before one is needed.

        Args:
            cache_dir: folder of the item cache; ``None`` keeps it in memory.
            dtype: ``bfloat16`` (also as ``auto``) or ``float32``.
            device: a torch device; ``auto`` takes the first GPU if there is one.
            batch_tokens: largest padded size of a scoring batch, in tokens.
            batch_replies: replies generated together.
            progress: told where the evaluation stands, at its start and after each batch.

        Raises:
            RegressionError: the cache cannot be opened.
        """
        dtype = {"auto": "bfloat16"}.get(dtype, dtype)
        if dtype not in ("bfloat16", "float32", "float16"):
            raise ModelError(f"there is no dtype {dtype!r} here.", hint="Use bfloat16, float32 or auto.")
        if batch_tokens < 1 or batch_replies < 1:
            raise RuntimeError("a batch holds at least one token and one reply")
        self.dtype = dtype
        self.batch_tokens = batch_tokens
        self.batch_replies = batch_replies
        self.progress = progress
        self._device_wish = device
        self._cache = Cache(cache_dir)
        self._base: tuple[str, LoadedBase] | None = None
        self._encoders: dict[str, Encoder] = {}
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the model and close the cache."""
        with self._turn:
            self._base = None
            self._encoders.clear()
            self._cache.close()

    def evaluate(self, ref: ModelRef, suite: Suite) -> SuiteResult:
        """Return the model's result on every item of the suite.

        Raises:
            ModelError: the model cannot be loaded or answers with numbers that are not finite; nothing is returned
                for the other items then.
        """
        with self._turn:
            outputs, fresh = self._outputs(ref, suite)
            results = tuple(_judge(suite, item, output) for item, output in zip(suite.items, outputs, strict=True))
            generated = sum(output.written for output in outputs) if suite.kind is SuiteKind.GENERATE else 0
            return SuiteResult(
                suite=suite.name,
                suite_digest=suite.digest,
                kind=suite.kind,
                model_digest=ref.digest,
                items=results,
                fresh=fresh,
                cached=len(results) - fresh,
                tokens_scored=sum(output.read for output in outputs),
                tokens_generated=generated,
            )

    def rounds(self, ref: ModelRef, suite: Suite, *, seed: int = 0) -> Iterator[tuple[ItemResult, ...]]:
        """Yield the suite's results round by round, so that a sequential test may stop early.

        Rounds hold about 64 items, clusters kept whole, in an order drawn from suite and seed alone; inside a round
        results stand in suite order. A round is computed when it is asked for. ``evaluate`` runs the plan of seed 0,
        so both find each other's results in the cache. With full weights on both sides only one base is in memory:
        walk one model's rounds to the end, or expect a load per round.

        Raises:
            ModelError: as ``evaluate``.
        """
        for part, _ in self._in_rounds(ref, suite, seed=seed):
            yield tuple(_judge(suite, suite.items[n], output) for n, output in part)

    def outputs(self, ref: ModelRef, suite: Suite) -> tuple[Output, ...]:
        """Return what the model answered to every item, before any judge, in suite order."""
        with self._turn:
            return self._outputs(ref, suite)[0]

    def cost(self, ref: ModelRef, suite: Suite) -> tuple[int, int]:
        """Return how many tokens the suite gives the model, and at most asks of it; no weights are loaded.

        Raises:
            ModelError: the tokenizer cannot be loaded, or an item does not fit the model.
        """
        with self._turn:
            work = self._work(ref, suite, seed=0)
        limits = [item.max_new_tokens for item in suite.items if isinstance(item, GenerateItem)]
        return sum(work.sizes) * suite.decoding.samples, sum(limits) * suite.decoding.samples

    def in_other_shape(self, *, batch_tokens: int, batch_replies: int) -> "Session":
        """Return a session without a stored cache that runs the same loaded model in other batches."""
        other = Session(
            None,
            dtype=self.dtype,
            device=self._device_wish,
            batch_tokens=batch_tokens,
            batch_replies=batch_replies,
            progress=self.progress,
        )
        other._base, other._encoders, other._turn = self._base, self._encoders, self._turn
        return other

    def _outputs(self, ref: ModelRef, suite: Suite) -> tuple[tuple[Output, ...], int]:
        found: list[Output | None] = [None] * len(suite.items)
        fresh = 0
        for part, computed in self._in_rounds(ref, suite, seed=0):
            fresh += computed
            for n, output in part:
                found[n] = output
        return tuple(cast("list[Output]", found)), fresh

    def _in_rounds(self, ref: ModelRef, suite: Suite, *, seed: int) -> Iterator[tuple[list[tuple[int, Output]], int]]:
        """Yield each round's outputs by index, in suite order, and how many of them were computed."""
        with self._turn:
            work = self._work(ref, suite, seed=seed)
            keys = work.keys(self._circumstances(ref))
            known = [self._cache.get(one) for one in keys]
        sizes = work.sizes
        meter = Meter(self.progress, items=len(known), tokens=sum(sizes))
        there = [n for n, output in enumerate(known) if output is not None]
        meter.found(len(there), sum(sizes[n] for n in there))
        for batches in work.rounds:
            fresh = 0
            with self._turn:
                for batch in batches:
                    missing = [n for n in batch if known[n] is None]
                    if not missing:
                        continue
                    meter.begin()
                    answers = self._run(ref, work, batch)
                    self._cache.put((keys[n], output) for n, output in zip(batch, answers, strict=True))
                    for n, output in zip(batch, answers, strict=True):
                        known[n] = output
                    fresh += len(missing)
                    meter.computed(len(missing), sum(sizes[n] for n in missing))
            members = sorted(n for batch in batches for n in batch)
            yield [(n, cast("Output", known[n])) for n in members], fresh

    def _work(self, ref: ModelRef, suite: Suite, *, seed: int) -> "_Work":
        return _Work(
            suite,
            self._encoder(ref),
            *configuration(ref.base),
            batch_tokens=self.batch_tokens,
            batch_replies=self.batch_replies,
            seed=seed,
        )

    def _run(self, ref: ModelRef, work: "_Work", batch: Sequence[int]) -> list[Output]:
        model = self._model(ref)
        try:
            return work.run(model, batch)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise ModelError(
                f"the model {ref.adapter or ref.base} fails while it is evaluated: {lines[0][:200]}.",
                hint="Check that tokenizer and weights belong together and that memory suffices.",
            ) from error

    def _encoder(self, ref: ModelRef) -> Encoder:
        if ref.digest not in self._encoders:
            self._encoders[ref.digest] = load_encoder(ref)
        return self._encoders[ref.digest]

    def _model(self, ref: ModelRef) -> Any:
        if self._base is None or self._base[0] != ref.base_digest:
            self._base = None  # the old weights go before the new ones come
            self._base = (ref.base_digest, LoadedBase(ref.base, dtype=self.dtype, device=self._device()))
        base = self._base[1]
        top = max(map(int, self._encoder(ref).tokenizer.get_vocab().values()), default=0)
        if top >= base.vocabulary:
            raise ModelError(
                f"the tokenizer knows token {top}, the model only {base.vocabulary} tokens.",
                hint="Use the tokenizer the model was trained with.",
            )
        return base.select(ref.adapter, ref.digest)

    @property
    def device(self) -> str:
        """The torch device models run on."""
        return self._device()

    def _device(self) -> str:
        import torch

        if self._device_wish != "auto":
            return self._device_wish
        return "cuda" if torch.cuda.is_available() else "cpu"

    def _circumstances(self, ref: ModelRef) -> dict[str, Any]:
        """Everything but item and batch that an answer depends on, down to the machine's arithmetic."""
        import torch

        device = self._device()
        on_cpu = device.startswith("cpu")
        unit = torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device)
        return {
            "engine": ENGINE,
            "model": ref.digest,
            "dtype": self.dtype,
            "device": f"{device.split(':')[0]} {platform.machine()} {unit}",
            "threads": torch.get_num_threads() if on_cpu else 0,
            "torch": version("torch"),
            "transformers": version("transformers"),
            "peft": version("peft"),
        }


class _Work:
    """A suite tokenised for one model, its batches, and how to run one."""

    def __init__(
        self,
        suite: Suite,
        encoder: Encoder,
        architecture: str,
        context: int | None,
        *,
        batch_tokens: int,
        batch_replies: int,
        seed: int,
    ) -> None:
        from regression import scoring

        self._items = suite.items
        self._encoder = encoder
        self._kind = suite.kind
        self._known = architecture in scoring.BRANCHING
        self._decoding = suite.decoding
        self._inputs = tokenise(suite, encoder, context=context, branching=self._known)
        if suite.kind is SuiteKind.GENERATE:
            # Replies of one limit end together; among them, like lengths pad little.
            limits = [cast("GenerateItem", item).max_new_tokens for item in suite.items]
            self.sizes = [len(ids) for ids in self._inputs]
            plans = []
            for members in rounds(suite, seed=seed):
                order = sorted(members, key=lambda n: (limits[n], len(self._inputs[n]), n))
                plans.append(
                    tuple(tuple(order[start : start + batch_replies]) for start in range(0, len(order), batch_replies))
                )
            self.rounds = tuple(plans)
            return
        # An item's rows run together, each padded to the longest.
        lengths = [len(rows) * max(len(row.tokens) for row in rows) for rows in self._inputs]
        self.sizes = [sum(len(row.tokens) for row in rows) for rows in self._inputs]
        self.rounds = tuple(
            tuple(
                tuple(members[place] for place in batch)
                for batch in scoring.plan([lengths[n] for n in members], batch_tokens)
            )
            for members in rounds(suite, seed=seed)
        )

    def keys(self, about: dict[str, Any]) -> list[str]:
        """Cache keys: circumstances, item, and the exact tokens of every row that shares its batch."""
        keys = [""] * len(self._items)
        for batch in (batch for batches in self.rounds for batch in batches):
            tokens = [
                self._inputs[n] if self._kind is SuiteKind.GENERATE else [row.tokens for row in self._inputs[n]]
                for n in batch
            ]
            how: list[Any] = [tokens, [getattr(self._items[n], "max_new_tokens", 0) for n in batch]]
            if self._decoding.temperature > 0:
                how.append(asdict(self._decoding))
            shape = hashlib.sha256(json.dumps(how).encode()).hexdigest()
            for place, n in enumerate(batch):
                keys[n] = key({**about, "item": self._items[n].digest, "batch": shape, "place": place})
        return keys

    def run(self, model: Any, batch: Sequence[int]) -> list[Output]:
        """Run one batch and return its outputs in its order."""
        from regression import generation, scoring

        pairs: list[Any] = [(self._items[n], self._inputs[n]) for n in batch]
        if self._kind is SuiteKind.GENERATE:
            return generation.run_samples(model, self._encoder, pairs, self._decoding, sharing=self._known)
        if self._kind is SuiteKind.TEXT:
            return scoring.run_texts(model, pairs)
        return scoring.run_choices(model, pairs)


def _judge(suite: Suite, item: Item, output: Output) -> ItemResult:
    measured = measure(suite, item, output)
    return ItemResult(
        id=item.id,
        cluster=item.cluster,
        score=dict(measured.metrics)[suite.score],
        values=measured.values,
        text=output.text,
        more=output.more,
        greedy=output.greedy,
        metrics=measured.metrics,
        error=measured.error,
    )
