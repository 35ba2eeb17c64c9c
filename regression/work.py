"""One suite made ready for one tokenizer: tokens, units, batches. All of it a function of suite, seed and tokens.

Which rows run together never depends on free memory or on what is cached, so that two models with one tokenizer run
the same shapes. When memory does not suffice, a batch is halved, and its halves are batches with keys of their own.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from regression.cache import key
from regression.inputs import prompts, scored
from regression.models import Encoder
from regression.rounds import rounds
from regression.rows import ROW, Row, Unit, apart, in_turns, packed, shared_header
from regression.suites import GenerateItem, Suite, SuiteKind

Batch: TypeAlias = tuple[Unit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large things may be, and what the model's attention can do."""

    batch_tokens: int
    batch_replies: int
    branching: bool
    """Whether attention takes any mask."""
    context: int | None
    """Most tokens the model reads; ``None`` when it sets no limit."""


class Work:
    """The plan of one suite."""

    def __init__(self, suite: Suite, encoder: Encoder, shape: Shape, *, seed: int) -> None:
        """Tokenise and plan.

        Raises:
            ModelError: an item cannot be tokenised, or is longer than the model's context.
        """
        self.suite = suite
        self.seed = seed
        self.encoder = encoder
        self.sharing = shape.branching
        self.header: tuple[int, ...] = ()
        """What every path begins with, computed once per model."""
        self.inputs_digest = ""
        """SHA-256 over the tokens of every item: equal where two tokenizers and templates read the suite alike."""
        order = rounds(suite, seed=seed)
        self.rounds: tuple[tuple[Batch, ...], ...] = (
            self._replies(order, shape) if suite.kind is SuiteKind.GENERATE else self._scored(order, shape)
        )
        """Batches by round."""
        self.sizes = [0] * len(suite.items)
        """Tokens each item is read for, the header aside."""
        for unit in (unit for batches in self.rounds for batch in batches for unit in batch):
            for n, read in zip(unit.members, unit.read, strict=True):
                self.sizes[n] = read

    def _scored(self, order: Sequence[Sequence[int]], shape: Shape) -> tuple[tuple[Batch, ...], ...]:
        items = scored(self.suite, self.encoder, context=shape.context)
        self.inputs_digest = _digest([[[path.start, *path.tokens] for path in paths] for paths in items])
        if shape.branching and self.suite.kind is not SuiteKind.TEXT:
            header = shared_header(items)
            self.header = items[0][0].tokens[:header]
            limit = min(ROW, shape.batch_tokens)
            units = [packed(members, items, header=header, limit=limit) for members in order]
        else:
            units = [tuple(apart(n, items[n]) for n in members) for members in order]
        return tuple(
            tuple(tuple(part[n] for n in batch) for batch in plan([unit.size for unit in part], shape.batch_tokens))
            for part in units
        )

    def _replies(self, order: Sequence[Sequence[int]], shape: Shape) -> tuple[tuple[Batch, ...], ...]:
        given = prompts(self.suite, self.encoder, context=shape.context)
        self.inputs_digest = _digest(given)
        limits = [item.max_new_tokens if isinstance(item, GenerateItem) else 0 for item in self.suite.items]

        def unit(n: int) -> Unit:
            row = Row(tokens=given[n], parents=(), places=(), targets=())
            return Unit(members=(n,), rows=(row,), read=(len(given[n]),))

        plans = []
        for members in order:
            # Replies of one limit end together; among them, like lengths pad little.
            ranked = sorted(members, key=lambda n: (limits[n], len(given[n]), n))
            starts = range(0, len(ranked), shape.batch_replies)
            plans.append(tuple(tuple(unit(n) for n in ranked[k : k + shape.batch_replies]) for k in starts))
        return tuple(plans)

    def keys(self, batch: Batch, about: dict[str, Any], most: int) -> dict[int, str]:
        """Return the cache key of every item of a batch: circumstances, item, and every token it runs beside.

        Args:
            batch: what runs together.
            about: the circumstances.
            most: padded tokens run at once, which cuts a single long text into parts.
        """
        shape = self.shape_of(batch, most)
        return {
            n: key({**about, "item": self.suite.items[n].digest, "batch": shape, "place": place})
            for place, n in enumerate(members_of(batch))
        }

    def shape_of(self, batch: Batch, most: int) -> str:
        """Return a digest over every token that a batch runs, and how; arguments as of ``keys``."""
        members = members_of(batch)
        how: list[Any] = [
            self.header,
            [[[row.tokens, row.parents, row.targets] for row in unit.rows] for unit in batch],
            [getattr(self.suite.items[n], "max_new_tokens", 0) for n in members],
        ]
        parts = in_turns([row for unit in batch for row in unit.rows], most)
        if self.suite.kind is SuiteKind.TEXT and len(parts) > 1:
            how.append([len(part) for part in parts])
        if self.suite.decoding.temperature > 0:
            how.append(asdict(self.suite.decoding))
        return _digest(how)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def members_of(batch: Batch) -> list[int]:
    """Return the indices of a batch's items, in the batch's order."""
    return [n for unit in batch for n in unit.members]


def plan(lengths: Sequence[int], budget: int) -> tuple[tuple[int, ...], ...]:
    """Group indices into batches: shortest first, padded size at most ``budget`` tokens, ties in given order.

    A single sequence over the budget is a batch of its own. The result depends on the arguments alone.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda n: (lengths[n], n)):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return tuple(map(tuple, batches))
