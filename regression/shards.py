"""A suite in shards: whole rounds of the plan that one machine would run, so that bits do not depend on who runs them.

A shard is named by the cache keys of its items. A key covers model, item, batch, engine, arithmetic and library
versions (``regression.device``, ``regression.work``). Who computes a shard makes the plan anew from the suite and
compares keys; who gets the answers compares the keys again. Two machines that would answer differently therefore have
different keys, and what has the wrong key is refused, never mixed in.
"""

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from regression.cache import Output
from regression.errors import RegressionError
from regression.models import ModelRef
from regression.suites import Suite, SuiteKind
from regression.work import Batch, Work, members_of

BATCHES: Final = 4
"""A shard of scored items holds about so many full batches, of replies one round."""

Answer: TypeAlias = tuple[str, Output]
"""What a model answered to one item, with its key."""


class ShardError(RegressionError):
    """A shard could not be computed where it was sent, or what came back is not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One shard, complete enough to be computed by somebody else."""

    name: str
    """SHA-256 over its keys: the same work has the same name, whoever asks and however often."""
    ref: ModelRef
    model_digest: str
    """What the reference's files have to be."""
    suite: Suite
    dtype: str
    seed: int
    batch_tokens: int
    batch_replies: int
    rounds: tuple[int, ...]
    """Which rounds of the plan, in order."""
    keys: tuple[str, ...]
    """One per item, in the order in which the rounds' batches hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A shard that came back."""

    name: str
    """Of its task."""
    answers: tuple[Answer, ...]
    """In the order of the task's keys."""
    where: str
    """Who computed it, for people."""


class Executor(Protocol):
    """Computes shards elsewhere."""

    @property
    def device(self) -> str:
        """The torch device that computes."""
        ...

    def about(self, ref: ModelRef, dtype: str) -> dict[str, Any]:
        """Return the circumstances under which a model will be evaluated (``regression.device.circumstances``).

        Raises:
            ShardError: nothing can compute, or not all would compute the same.
        """
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Yield each shard once, in any order.

        Raises:
            ShardError: a shard could not be computed; nothing is yielded for it.
            ModelError: the model cannot be loaded, or fails.
        """
        ...


class Keeper(Protocol):
    """Keeps the answers of shards; law: what ``find`` gives was given to ``keep`` under that name."""

    def find(self, name: str) -> bytes | None:
        """Return what was kept."""
        ...

    def keep(self, name: str, body: bytes, *, says: str = "") -> None:
        """Keep the answers of one shard."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Rounds of a plan that are computed and kept together."""

    rounds: tuple[int, ...]
    batches: tuple[Batch, ...]
    members: tuple[int, ...]
    """Indices of items, in the order of the batches."""
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """SHA-256 over the keys."""
        return hashlib.sha256("\n".join(self.keys).encode()).hexdigest()


def shards_of(work: Work, about: dict[str, Any], most: int, *, whole: bool) -> tuple[Shard, ...]:
    """Return the shards of a plan, a function of the plan alone.

    Args:
        work: the plan.
        about: circumstances, for the keys.
        most: padded tokens run at once.
        whole: whether rounds may be put together; otherwise each is a shard.
    """
    together: list[list[int]] = []
    size = 0
    for number, batches in enumerate(work.rounds):
        tokens = sum(work.sizes[n] for batch in batches for n in members_of(batch))
        fits = whole and work.suite.kind is not SuiteKind.GENERATE and size + tokens <= BATCHES * most
        if together and fits:
            together[-1].append(number)
            size += tokens
        else:
            together.append([number])
            size = tokens
    return tuple(shard_of(work, rounds, about, most) for rounds in together)


def shard_of(work: Work, rounds: Sequence[int], about: dict[str, Any], most: int) -> Shard:
    """Return the shard that holds these rounds."""
    batches = tuple(batch for number in rounds for batch in work.rounds[number])
    keys = {n: key for batch in batches for n, key in work.keys(batch, about, most).items()}
    members = tuple(n for batch in batches for n in members_of(batch))
    return Shard(rounds=tuple(rounds), batches=batches, members=members, keys=tuple(keys[n] for n in members))


def accepted(
    work: Work, shard: Shard, answers: Sequence[Answer], about: dict[str, Any], most: int
) -> dict[int, Answer]:
    """Return the answers by item, if they are answers to exactly this shard.

    A batch that did not fit into memory is answered in halves, whose keys are as good; halves of what, is not taken
    from the answer.

    Raises:
        ShardError: an answer lacks, has another key, or is no number.
    """
    if len(answers) != len(shard.keys):
        raise ShardError(f"a shard of {len(shard.keys)} items came back with {len(answers)} answers.")
    found = dict(zip(shard.members, answers, strict=True))
    for batch in shard.batches:
        allowed: dict[int, set[str]] | None = None
        for n, wanted in work.keys(batch, about, most).items():
            key, output = found[n]
            if key != wanted:
                allowed = _splits(work, batch, about, most) if allowed is None else allowed
                if key not in allowed[n]:
                    raise ShardError(
                        f"item {work.suite.items[n].id!r} came back as the answer to something else.",
                        hint="Let every machine that evaluates run the same versions on the same kind of device.",
                    )
            if any(math.isnan(number) or number == math.inf for number in output.numbers):
                raise ShardError(f"item {work.suite.items[n].id!r} came back with a number that is none.")
    return found


def _splits(work: Work, batch: Batch, about: dict[str, Any], most: int) -> dict[int, set[str]]:
    """Return every key that the items of a batch can have when it is halved for want of memory."""
    found: dict[int, set[str]] = {n: {key} for n, key in work.keys(batch, about, most).items()}
    middle = len(batch) // 2
    if middle:
        parts = [(batch[:middle], most), (batch[middle:], most)]
    else:
        parts = [(batch, most // 2)] if len(batch[0].rows) > 1 and most > 1 else []
    for part, room in parts:
        for n, keys in _splits(work, part, about, room).items():
            found[n] |= keys
    return found


def write_answers(answers: Sequence[Answer]) -> bytes:
    """Return answers as JSON lines, numbers bit for bit; law: ``read_answers(write_answers(a)) == tuple(a)``."""
    return b"".join(json.dumps(_plain(*answer), separators=(",", ":")).encode() + b"\n" for answer in answers)


def read_answers(body: bytes) -> tuple[Answer, ...]:
    """Return the answers that lines hold.

    Raises:
        ShardError: a line holds none.
    """
    try:
        return tuple(_answer(json.loads(line)) for line in body.splitlines())
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ShardError("what came back from a shard cannot be read.", hint="Evaluate the update again.") from error


def _plain(key: str, output: Output) -> Mapping[str, Any]:
    return {
        "key": key,
        "numbers": [number.hex() for number in output.numbers],
        "counts": output.counts,
        "greedy": output.greedy,
        "text": output.text,
        "more": output.more,
        "read": output.read,
        "written": output.written,
        "top": None if output.top is None else base64.b64encode(output.top).decode(),
    }


def _answer(read: dict[str, Any]) -> Answer:
    text, top = read["text"], read["top"]
    if not isinstance(read["key"], str) or not (text is None or isinstance(text, str)):
        raise TypeError("no answer")
    return read["key"], Output(
        numbers=tuple(float.fromhex(number) for number in read["numbers"]),
        counts=tuple(map(int, read["counts"])),
        greedy=tuple(map(bool, read["greedy"])),
        text=text,
        more=tuple(map(str, read["more"])),
        read=int(read["read"]),
        written=int(read["written"]),
        top=None if top is None else base64.b64decode(top, validate=True),
    )
