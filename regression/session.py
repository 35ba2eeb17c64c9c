"""One evaluation session: models in, per-item results out, nothing computed twice.

The order of an evaluation: tokenise, plan the batches from lengths alone, look every item up by content, run only the
batches that lack one, store them as they finish, judge. A batch is always run whole, so a result is the same to the
last bit whether it was interrupted, cached in part, or fresh.
"""

import platform
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from regression.cache import Cache, Output
from regression.errors import ModelError, OutOfMemory, short_of_memory
from regression.inputs import configuration
from regression.metrics import measure
from regression.models import Encoder, LoadedBase, ModelRef, load_encoder
from regression.progress import Meter, Standing
from regression.suites import GenerateItem, Item, Suite, SuiteKind
from regression.work import Batch, Shape, Work, members_of

if TYPE_CHECKING:
    from regression.header import Header

ENGINE: Final = "3"
"""Raised whenever the same inputs would give other numbers."""
HEADERS: Final = 4
"""Shared beginnings kept in memory: one suite's for champion, anchor and candidate, and one to spare."""


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
    inputs_digest: str = ""
    """SHA-256 over the tokens of every item: differs where tokenizer or template make another question of one."""


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
        self._headers: dict[tuple[str, tuple[int, ...]], Header] = {}
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
            self._headers.clear()
            self._encoders.clear()
            self._cache.close()

    def evaluate(self, ref: ModelRef, suite: Suite) -> SuiteResult:
        """Return the model's result on every item of the suite.

        Raises:
            ModelError: the model cannot be loaded or answers with numbers that are not finite; nothing is returned
                for the other items then.
        """
        with self._turn:
            outputs, fresh, inputs = self._outputs(ref, suite)
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
                inputs_digest=inputs,
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
        with self._turn:
            work = self._work(ref, suite, seed=seed)
        for part, _ in self._in_rounds(ref, work):
            yield tuple(_judge(suite, suite.items[n], output) for n, output in part.items())

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

    def _outputs(self, ref: ModelRef, suite: Suite) -> tuple[tuple[Output, ...], int, str]:
        found: dict[int, Output] = {}
        fresh = 0
        work = self._work(ref, suite, seed=0)
        for part, computed in self._in_rounds(ref, work):
            fresh += computed
            found |= part
        return tuple(found[n] for n in range(len(suite.items))), fresh, work.inputs_digest

    def _in_rounds(self, ref: ModelRef, work: Work) -> Iterator[tuple[dict[int, Output], int]]:
        """Yield each round's outputs by index, in suite order, and how many of them were computed."""
        with self._turn:
            about = self._circumstances(ref)
            known: dict[int, Output] = {}
            for batch in (batch for batches in work.rounds for batch in batches):
                known |= self._found(work, batch, about, self.batch_tokens)
        sizes = work.sizes
        meter = Meter(self.progress, items=len(sizes), tokens=sum(sizes))
        meter.found(len(known), sum(sizes[n] for n in known))
        for batches in work.rounds:
            members = sorted(n for batch in batches for n in members_of(batch))
            missing = [n for n in members if n not in known]
            with self._turn:
                for batch in batches:
                    lacking = [n for n in members_of(batch) if n not in known]
                    if not lacking:
                        continue
                    meter.begin()
                    known |= self._computed(ref, work, batch, about, self.batch_tokens)
                    meter.computed(len(lacking), sum(sizes[n] for n in lacking))
            yield {n: known[n] for n in members}, len(missing)

    def _found(self, work: Work, batch: Batch, about: dict[str, Any], most: int) -> dict[int, Output]:
        stored = ((n, self._cache.get(one)) for n, one in work.keys(batch, about, most).items())
        return {n: output for n, output in stored if output is not None}

    def _computed(
        self, ref: ModelRef, work: Work, batch: Batch, about: dict[str, Any], most: int
    ) -> dict[int, Output]:
        """Run a batch and store it; where memory does not suffice, its halves, at last the rows of one text."""
        try:
            answers = self._run(ref, work, batch, most)
        except OutOfMemory:
            middle = len(batch) // 2
            smaller = [batch[:middle], batch[middle:]] if middle else [batch]
            most = most if middle else most // 2
            if not middle and (len(batch[0].rows) == 1 or most == 0):
                raise
            found: dict[int, Output] = {}
            for part in smaller:
                stored = self._found(work, part, about, most)
                whole = len(stored) == len(members_of(part))
                found |= stored if whole else self._computed(ref, work, part, about, most)
            return found
        keys = work.keys(batch, about, most)
        self._cache.put((keys[n], output) for n, output in answers.items())
        return answers

    def _work(self, ref: ModelRef, suite: Suite, *, seed: int) -> Work:
        from regression import scoring

        encoder = self._encoder(ref)
        architecture, context = configuration(ref.base)
        shape = Shape(
            batch_tokens=self.batch_tokens,
            batch_replies=self.batch_replies,
            branching=architecture in scoring.BRANCHING,
            context=context,
        )
        return Work(suite, encoder, shape, seed=seed)

    def _run(self, ref: ModelRef, work: Work, batch: Batch, most: int) -> dict[int, Output]:
        from regression import generation, scoring

        model = self._model(ref)
        items = work.suite.items
        try:
            if work.suite.kind is SuiteKind.GENERATE:
                pairs: list[Any] = [(items[unit.members[0]], unit.rows[0].tokens) for unit in batch]
                replies = generation.run_samples(model, work.encoder, pairs, work.suite.decoding, sharing=work.sharing)
                return {unit.members[0]: reply for unit, reply in zip(batch, replies, strict=True)}
            header = self._header(ref, model, work.header) if work.header else None
            return scoring.run_units(model, items, batch, header=header, most=most)
        except (RuntimeError, MemoryError, IndexError, ValueError, TypeError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            kind = OutOfMemory if short_of_memory(error) else ModelError
            raise kind(
                f"the model {ref.adapter or ref.base} fails while it is evaluated: {lines[0][:200]}.",
                hint="Check that tokenizer and weights belong together and that memory suffices.",
            ) from error

    def _header(self, ref: ModelRef, model: Any, tokens: tuple[int, ...]) -> "Header":
        from regression.header import Header

        found = self._headers.pop((ref.digest, tokens), None) or Header.read(model, tokens)
        self._headers[ref.digest, tokens] = found
        while len(self._headers) > HEADERS:
            del self._headers[next(iter(self._headers))]
        return found

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

    def lend(self, ref: ModelRef) -> tuple[Any, Any]:
        """Return the loaded model and its tokenizer; both stay this session's and hold until its next evaluation.

        Raises:
            ModelError: the model cannot be loaded.
        """
        with self._turn:
            return self._model(ref), self._encoder(ref).tokenizer

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
