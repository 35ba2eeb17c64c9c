"""One model's way through a plan: look every item up, compute the batches that lack one, keep what is finished.

A batch is always run whole, so a result is the same to the last bit whether it was interrupted, cached in part, or
computed by another machine. Where memory does not suffice a batch is halved, and its halves have keys of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from regression.cache import Cache, Output
from regression.errors import OutOfMemory
from regression.models import ModelRef
from regression.progress import Meter, Standing
from regression.shards import (
    Answer,
    Executor,
    Keeper,
    Shard,
    ShardError,
    Task,
    accepted,
    read_answers,
    shards_of,
    write_answers,
)
from regression.work import Batch, Work, members_of


@dataclass(slots=True, kw_only=True)
class Walk:
    """Where a model's answers to one suite come from."""

    ref: ModelRef
    work: Work
    about: dict[str, Any]
    """The circumstances, for the keys."""
    most: int
    """Padded tokens run at once."""
    dtype: str
    batch_replies: int
    cache: Cache
    run: Callable[[Batch, int], dict[int, Output]]
    """Runs a batch on the model, so many padded tokens at once."""
    turn: AbstractContextManager[Any]
    """Held while something is looked up or computed, and not between."""
    keeper: Keeper | None
    executor: Executor | None
    known: dict[int, Answer] = field(default_factory=dict)

    def parts(
        self, progress: Callable[[Standing], None] | None, *, whole: bool
    ) -> Iterator[tuple[dict[int, Output], int]]:
        """Yield each shard's outputs by index, in suite order, and how many of them were computed.

        Args:
            progress: told where this stands.
            whole: whether everything is wanted; otherwise each round is computed when it is asked for.
        """
        sizes = self.work.sizes
        meter = Meter(progress, items=len(sizes), tokens=sum(sizes))
        with self.turn:
            shards = shards_of(self.work, self.about, self.most, whole=whole)
            for shard in shards:
                self._look_up(shard)
            meter.found(len(self.known), sum(sizes[n] for n in self.known))
            lacking = {shard.name: sum(n not in self.known for n in shard.members) for shard in shards}
            if whole and self.executor is not None:
                self._elsewhere(self.executor, [shard for shard in shards if lacking[shard.name]], meter)
        for shard in shards:
            if not self._knows(shard):
                with self.turn:
                    if self.executor is not None:
                        self._elsewhere(self.executor, [shard], meter)
                    else:
                        self._here(shard, meter)
            yield {n: self.known[n][1] for n in sorted(shard.members)}, lacking[shard.name]

    def answers(self, shard: Shard) -> tuple[Answer, ...]:
        """Run a shard's batches, whatever is known, and return the answers in the order of its keys."""
        for batch in shard.batches:
            self.known |= self._computed(batch, self.most)
        return tuple(self.known[n] for n in shard.members)

    def _knows(self, shard: Shard) -> bool:
        return all(n in self.known for n in shard.members)

    def _look_up(self, shard: Shard) -> None:
        """Take what the cache or, where something lacks there, the keeper holds."""
        for batch in shard.batches:
            self.known |= self._found(batch, self.most)
        if self.keeper is None or self._knows(shard):
            return
        body = self.keeper.find(shard.name)
        if body is not None:
            kept = accepted(self.work, shard, read_answers(body), self.about, self.most)
            self.cache.put(kept.values())
            self.known |= kept

    def _here(self, shard: Shard, meter: Meter) -> None:
        for batch in shard.batches:
            lacking = [n for n in members_of(batch) if n not in self.known]
            if lacking:
                meter.begin()
                self.known |= self._computed(batch, self.most)
                meter.computed(len(lacking), sum(self.work.sizes[n] for n in lacking))
        self._keep(shard)

    def _elsewhere(self, executor: Executor, shards: Sequence[Shard], meter: Meter) -> None:
        """Have shards computed; each is checked, stored and kept as it comes back."""
        wanted = {shard.name: shard for shard in shards}
        meter.begin()
        for done in executor.run([self._task(shard) for shard in shards]):
            shard = wanted.pop(done.name, None)
            if shard is None:
                continue  # it came back before, and counts once
            found = accepted(self.work, shard, done.answers, self.about, self.most)
            self.cache.put(found.values())
            fresh = [n for n in found if n not in self.known]
            self.known |= found
            self._keep(shard, f", by {done.where}")
            meter.computed(len(fresh), sum(self.work.sizes[n] for n in fresh))
            meter.begin()
        if wanted:
            raise ShardError(f"{len(wanted)} shards did not come back.")

    def _keep(self, shard: Shard, by: str = "") -> None:
        if self.keeper is not None:
            says = f"{self.work.suite.name[:40]}, {len(self.known)} of {len(self.work.sizes)} items{by}"
            self.keeper.keep(shard.name, write_answers([self.known[n] for n in shard.members]), says=says)

    def _task(self, shard: Shard) -> Task:
        return Task(
            name=shard.name,
            ref=self.ref,
            model_digest=str(self.about["model"]),
            suite=self.work.suite,
            dtype=self.dtype,
            seed=self.work.seed,
            batch_tokens=self.most,
            batch_replies=self.batch_replies,
            rounds=shard.rounds,
            keys=shard.keys,
        )

    def _found(self, batch: Batch, most: int) -> dict[int, Answer]:
        stored = ((n, key, self.cache.get(key)) for n, key in self.work.keys(batch, self.about, most).items())
        return {n: (key, output) for n, key, output in stored if output is not None}

    def _computed(self, batch: Batch, most: int) -> dict[int, Answer]:
        """Run a batch and store it; where memory does not suffice, its halves, at last the rows of one text."""
        try:
            outputs = self.run(batch, most)
        except OutOfMemory:
            middle = len(batch) // 2
            smaller = [batch[:middle], batch[middle:]] if middle else [batch]
            most = most if middle else most // 2
            if not middle and (len(batch[0].rows) == 1 or most == 0):
                raise
            found: dict[int, Answer] = {}
            for part in smaller:
                stored = self._found(part, most)
                whole = len(stored) == len(members_of(part))
                found |= stored if whole else self._computed(part, most)
            return found
        keys = self.work.keys(batch, self.about, most)
        answers = {n: (keys[n], output) for n, output in outputs.items()}
        self.cache.put(answers.values())
        return answers
