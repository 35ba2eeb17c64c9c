"""One evaluation session: models in, per-item results out, nothing computed twice.

The order of an evaluation: tokenise, plan the batches from lengths alone, look every item up by content, run only the
batches that lack one, store them as they finish, judge. A batch is always run whole, so a result is the same to the
last bit whether it was interrupted, cached in part, or fresh.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from regression.cache import Cache, Output
from regression.device import circumstances, likely_batches, torch_device
from regression.errors import ModelError, OutOfMemory, short_of_memory
from regression.fused import ARCHITECTURES as LAYERED
from regression.fused import can_fuse
from regression.inputs import configuration
from regression.item_results import ItemResult, SuiteResult, judged
from regression.models import Encoder, LoadedBase, ModelRef, encoder_digest, load_encoder
from regression.progress import Standing
from regression.shards import Answer, Executor, Keeper, ShardError, Task, shard_of
from regression.suites import GenerateItem, Suite, SuiteKind
from regression.trunks import Trunk, Trunks
from regression.walk import Walk
from regression.work import Batch, Shape, Work

if TYPE_CHECKING:
    from regression.header import Header

ENGINE: Final = "4"
"""Raised whenever the same inputs would give other numbers."""
HEADERS: Final = 4
"""Shared beginnings kept in memory: one suite's for champion, anchor and candidate, and one to spare."""
WORKS: Final = 8
"""Planned suites kept in memory."""


class Session:
    """Evaluates models on suites with one base in memory at a time. May be shared by threads; calls take turns."""

    def __init__(
        self,
        cache_dir: Path | None,
        *,
        dtype: str = "bfloat16",
        device: str = "auto",
        batch_tokens: int | None = None,
        batch_replies: int | None = None,
        fuse: bool = True,
        keep_inputs: bool | None = None,
        progress: Callable[[Standing], None] | None = None,
        keeper: Keeper | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Open the cache; no model is loaded before one is needed.

        Args:
            cache_dir: folder of the item cache; ``None`` keeps it in memory.
            dtype: ``bfloat16`` (also as ``auto``) or ``float32``.
            device: a torch device; ``auto`` takes the first GPU if there is one.
            batch_tokens: largest padded size of a scoring batch, in tokens; 2,048 on a processor and 16,384 on a GPU
                unless given.
            batch_replies: replies generated together; 16 and 64 unless given.
            fuse: on a GPU whose compiler works, fuse what stands between matrix products (``regression.fused``).
            keep_inputs: whether inputs of layers are kept beside the cache for models that are equal below
                (``regression.trunks``), up to 4 GiB; by default on a processor, where computing takes longer than
                reading.
            progress: told where the evaluation stands, at its start and after each batch.
            keeper: keeps finished shards, and is asked for them before anything is computed.
            executor: computes shards elsewhere; this session then plans, checks and judges, and loads no model unless
                one is lent.

        Raises:
            RegressionError: the cache cannot be opened.
        """
        dtype = {"auto": "bfloat16"}.get(dtype, dtype)
        if dtype not in ("bfloat16", "float32", "float16"):
            raise ModelError(f"there is no dtype {dtype!r} here.", hint="Use bfloat16, float32 or auto.")
        if any(most is not None and most < 1 for most in (batch_tokens, batch_replies)):
            raise RuntimeError("a batch holds at least one token and one reply")
        self.dtype = dtype
        self._wished_batches = (batch_tokens, batch_replies)
        self._fuse = fuse
        self._trunks = Trunks(cache_dir / "inputs") if cache_dir is not None and keep_inputs is not False else None
        self._keep_inputs = keep_inputs
        self._below: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
        self.progress = progress
        self._keeper, self._executor = keeper, executor
        self._device_wish = device
        self._cache, self._stored = Cache(cache_dir), cache_dir is not None
        self._base: tuple[str, LoadedBase] | None = None
        self._encoders: dict[str, Encoder] = {}
        self._works: list[tuple[tuple[str, Shape, int], Work]] = []
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
            self._works.clear()
            self._cache.close()

    def evaluate(self, ref: ModelRef, suite: Suite) -> SuiteResult:
        """Return the model's result on every item of the suite.

        Raises:
            ModelError: the model cannot be loaded or answers with numbers that are not finite; nothing is returned
                for the other items then.
        """
        with self._turn:
            outputs, fresh, inputs = self._outputs(ref, suite)
            results = tuple(judged(suite, item, output) for item, output in zip(suite.items, outputs, strict=True))
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
            walk = self._walk(ref, self._work(ref, suite, seed=seed))
        for part, _ in walk.parts(self.progress, whole=False):
            yield tuple(judged(suite, suite.items[n], output) for n, output in part.items())

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
            fuse=self._fuse,
            progress=self.progress,
            keeper=self._keeper,
            executor=self._executor,
        )
        other._base, other._encoders, other._turn = self._base, self._encoders, self._turn
        return other

    def _outputs(self, ref: ModelRef, suite: Suite) -> tuple[tuple[Output, ...], int, str]:
        found: dict[int, Output] = {}
        fresh = 0
        work = self._work(ref, suite, seed=0)
        for part, computed in self._walk(ref, work).parts(self.progress, whole=True):
            fresh += computed
            found |= part
        return tuple(found[n] for n in range(len(suite.items))), fresh, work.inputs_digest

    def answer(self, task: Task) -> tuple[Answer, ...]:
        """Compute a shard for another session, whose batches become this one's.

        Raises:
            ShardError: the model's files are others, or this machine would not give the numbers that are wanted.
            ModelError: as ``evaluate``.
        """
        with self._turn:
            if task.dtype != self.dtype:
                raise RuntimeError("a shard of another session's arithmetic")
            self._wished_batches = (task.batch_tokens, task.batch_replies)
            if task.ref.digest != task.model_digest:
                raise ShardError(
                    f"the files of {task.ref.adapter or task.ref.base} are not those that are to be evaluated.",
                    hint="Give every machine the same folder.",
                )
            walk = self._walk(task.ref, self._work(task.ref, task.suite, seed=task.seed))
            shard = shard_of(walk.work, task.rounds, walk.about, walk.most)
            if shard.keys != task.keys:
                raise ShardError(
                    "this machine's plan or arithmetic is another one.",
                    hint="Let every machine that evaluates run the same versions on the same kind of device.",
                )
            answers = walk.answers(shard)
            if task.ref.digest != task.model_digest:
                raise ShardError(
                    f"the files of {task.ref.adapter or task.ref.base} changed while they were evaluated."
                )
            return answers

    def _walk(self, ref: ModelRef, work: Work) -> Walk:
        return Walk(
            ref=ref,
            work=work,
            about=self._about(ref),
            most=self.batch_tokens,
            dtype=self.dtype,
            batch_replies=self.batch_replies,
            cache=self._cache,
            run=lambda batch, most: self._run(ref, work, batch, most),
            turn=self._turn,
            keeper=self._keeper,
            executor=self._executor,
        )

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
        key = (encoder_digest(ref), shape, seed)
        for known, work in self._works:
            if known == key and work.suite is suite:
                return work
        work = Work(suite, encoder, shape, seed=seed)
        self._works = [*self._works[1 - WORKS :], (key, work)]
        return work

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
            trunk = self._trunk(ref, work, batch, most)
            return scoring.run_units(model, items, batch, header=header, most=most, trunk=trunk)
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

    def _trunk(self, ref: ModelRef, work: Work, batch: Batch, most: int) -> Trunk | None:
        if self._trunks is None or (self._keep_inputs is None and not self.device.startswith("cpu")):
            return None
        if ref.digest not in self._below:
            self._below[ref.digest] = self._trunks.below(ref) if configuration(ref.base)[0] in LAYERED else ((), ())
        depths, chain = self._below[ref.digest]
        if not depths:
            return None
        about = self._about(ref)
        del about["model"]
        return Trunk(self._trunks, depths, chain, {**about, "batch": work.shape_of(batch, most)})

    def _encoder(self, ref: ModelRef) -> Encoder:
        digest = encoder_digest(ref)
        if digest not in self._encoders:
            self._encoders[digest] = load_encoder(ref)
        return self._encoders[digest]

    def _model(self, ref: ModelRef) -> Any:
        if self._base is None or self._base[0] != ref.base_digest:
            self._base = None  # the old weights go before the new ones come
            self._base = (
                ref.base_digest,
                LoadedBase(ref.base, dtype=self.dtype, device=self.device, fuse=self._fuses(ref)),
            )
        base = self._base[1]
        top = self._encoder(ref).largest
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
    def batch_tokens(self) -> int:
        """Largest padded size of a scoring batch, in tokens."""
        return self._wished_batches[0] or likely_batches(self.device)[0]

    @property
    def batch_replies(self) -> int:
        """Replies generated together."""
        return self._wished_batches[1] or likely_batches(self.device)[1]

    def circumstances(self, ref: ModelRef) -> dict[str, Any]:
        """Return what, beside item and batch, the answers of this model depend on here."""
        return self._about(ref)

    def forget(self) -> None:
        """Forget every answer of a session that stores none."""
        if self._stored:
            raise RuntimeError("the answers of this session are stored")
        with self._turn:
            self._cache.close()
            self._cache = Cache(None)

    def _about(self, ref: ModelRef) -> dict[str, Any]:
        if self._executor is not None:
            about = self._executor.about(ref, self.dtype)
            # Under another model's key an answer would count as that model's, here and in every later evaluation.
            if about.get("model") != ref.digest:
                raise ShardError("an evaluator speaks of another model than it was asked about.")
            return about
        return circumstances(ref, engine=ENGINE, dtype=self.dtype, device=self.device, fused=self._fuses(ref))

    def _fuses(self, ref: ModelRef) -> bool:
        return self._fuse and can_fuse(configuration(ref.base)[0], self.device)

    @property
    def device(self) -> str:
        """The torch device models run on."""
        if self._executor is not None:
            return self._executor.device
        return torch_device(self._device_wish)
