"""Rows: what items have in common is read once.

A row is a trie of paths laid out flat: every token knows the one before it, and attention lets it see exactly that
chain. Two choices share their prompt, two items the words they both begin with. What all items of a suite begin with,
the header, stands in no row at all: its keys and values are computed once per model and every row continues from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from regression.paths import Path

ROW: Final = 192
"""Tokens a row is filled up to. Longer rows waste attention on pairs that never see each other, shorter ones share
and fill less."""
HEADER: Final = 16
"""Shorter common beginnings are left to the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Tokens to read together, and what is to be predicted from them."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    """Per token: index of the token before it, always smaller than its own; -1 where it follows the header."""
    places: tuple[int, ...]
    """Per token: its position, the header included."""
    targets: tuple[tuple[int, int, int, int], ...]
    """(index of the token that predicts, token predicted, which of the unit's items, which number of its output)."""

    @property
    def plain(self) -> bool:
        """Whether it is one path, which causal attention alone reads rightly."""
        return all(parent == n - 1 for n, parent in enumerate(self.parents))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Items that cannot be run apart from each other, and their rows."""

    members: tuple[int, ...]
    """Indices of the items."""
    rows: tuple[Row, ...]
    read: tuple[int, ...]
    """Per member: tokens it added to the rows."""

    @property
    def size(self) -> int:
        """Tokens once padded to its longest row."""
        return len(self.rows) * max(len(row.tokens) for row in self.rows)


class Trie:
    """A row that grows path by path."""

    def __init__(self, header: int = 0) -> None:
        self._header = header
        self._children: dict[tuple[int, int], int] = {}
        self._tokens: list[int] = []
        self._parents: list[int] = []
        self._places: list[int] = []
        self._targets: list[tuple[int, int, int, int]] = []

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def targets(self) -> int:
        """How many predictions were laid out."""
        return len(self._targets)

    def add(self, path: Path, member: int) -> None:
        """Lay a path out, and what it predicts."""
        node = -1
        for n, (token, following) in enumerate(
            zip(path.tokens[self._header : -1], path.tokens[self._header + 1 :], strict=True), start=self._header
        ):
            child = self._children.get((node, token))
            if child is None:
                child = self._children[node, token] = len(self._tokens)
                self._tokens.append(token)
                self._parents.append(node)
                self._places.append(n)
            node = child
            if n + 1 >= path.start:
                self._targets.append((node, following, member, path.number))

    def cut(self, tokens: int, targets: int) -> None:
        """Take back what was laid out after so many tokens and targets."""
        for node in range(tokens, len(self._tokens)):
            del self._children[self._parents[node], self._tokens[node]]
        for side in (self._tokens, self._parents, self._places):
            del side[tokens:]
        del self._targets[targets:]

    def row(self) -> Row:
        """Return what was laid out."""
        return Row(
            tokens=tuple(self._tokens),
            parents=tuple(self._parents),
            places=tuple(self._places),
            targets=tuple(self._targets),
        )


def shared_header(items: Sequence[Sequence[Path]]) -> int:
    """Return how many first tokens every path begins with, none of them predicting a scored one; 0 when too few."""
    paths = [path for paths in items for path in paths]
    first = paths[0].tokens
    least = min(path.start - 1 for path in paths)
    for path in paths:
        while path.tokens[:least] != first[:least]:
            least -= 1
    return least if least >= HEADER else 0


def packed(
    members: Sequence[int], items: Sequence[Sequence[Path]], *, header: int, limit: int = ROW
) -> tuple[Unit, ...]:
    """Pack items into rows of at most ``limit`` tokens, neighbours in the order of their tokens together.

    An item's paths always share a row, so an item longer than ``limit`` is a row of its own.
    """
    units: list[Unit] = []
    trie, inside, read = Trie(header), list[int](), list[int]()

    def close() -> None:
        if inside:
            units.append(Unit(members=tuple(inside), rows=(trie.row(),), read=tuple(read)))

    for n in sorted(members, key=lambda n: (items[n][0].tokens, n)):
        before, targets = len(trie), trie.targets
        for path in items[n]:
            trie.add(path, len(inside))
        if inside and len(trie) > limit:
            trie.cut(before, targets)
            close()
            trie, inside, read, before = Trie(header), [], [], 0
            for path in items[n]:
                trie.add(path, 0)
        inside.append(n)
        read.append(len(trie) - before)
    close()
    return tuple(units)


def apart(member: int, paths: Sequence[Path]) -> Unit:
    """Return one row per path: for texts, whose windows add to one number, and for attention that takes no mask."""
    rows = []
    for path in paths:
        trie = Trie()
        trie.add(path, 0)
        rows.append(trie.row())
    return Unit(members=(member,), rows=tuple(rows), read=(sum(len(row.tokens) for row in rows),))


def in_turns(rows: Sequence[Row], most: int) -> list[list[Row]]:
    """Cut rows, in order, into parts whose padded size is at most ``most`` tokens; a longer row is a part of its own.

    Only the rows of a single long text need it: every other batch was planned to fit.
    """
    parts: list[list[Row]] = []
    width = 0
    for row in rows:
        width = max(width, len(row.tokens))
        if parts and (len(parts[-1]) + 1) * width <= most:
            parts[-1].append(row)
        else:
            parts.append([row])
            width = len(row.tokens)
    return parts


def attention_mask(rows: Sequence[Row], *, header: int, width: int) -> Any:
    """Return which tokens each token sees: bool, (rows, 1, width, header + width).

    The header, its own chain, itself. Padding sees itself alone, so that no row of the softmax is empty.
    """
    import numpy as np
    import torch

    mask = np.zeros((len(rows), width, header + width), dtype=np.bool_)
    mask[:, :, header:] |= np.eye(width, dtype=np.bool_)
    mask[:, :, :header] = True
    parents = np.full((len(rows), width), -1)
    for own, row in zip(parents, rows, strict=True):
        own[: len(row.parents)] = row.parents
    for n in range(width):
        chained = np.flatnonzero(parents[:, n] >= 0)
        mask[chained, n] |= mask[chained, parents[chained, n]]
    return torch.from_numpy(mask)[:, None]
