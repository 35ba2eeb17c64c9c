"""The search of one chunk of rows for items, and its result as bytes.

The forms of the items travel with the task, so that every process looks for the same ones: a suite is read once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.leaks.find import Index, Leak, LeakTest, Pair, Rules
from gatekeeper.gates.data.leaks.item_forms import Form
from gatekeeper.gates.data.leaks.words import Words, words_of
from gatekeeper.gates.data.spreading.parcels import parcel


def search_task(forms: Sequence[Form], rules: Rules, *, frequent: Mapping[Pair, int]) -> RowTask:
    """Return the search as work on chunks; arguments as of :class:`~gatekeeper.gates.data.leaks.find.Index`."""
    wanted = {pair for form in forms for pair in pairwise(form.words)}
    counts = [(*pair, frequent[pair]) for pair in sorted(wanted) if pair in frequent]
    plain = [(form.item, form.words, form.asked, sorted(form.shared)) for form in forms]
    return RowTask(
        function=f"{__name__}:make",
        settings={"rules": asdict(rules)},
        shared=(json.dumps({"forms": plain, "frequent": counts}).encode(),),
        rows=1024,
        worth=24,
    )


def make(settings: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`search_task`."""
    read = json.loads(bytes(shared[0]))
    forms = [
        Form(item=item, words=tuple(words), asked=asked, shared=frozenset(map(tuple, parts)))
        for item, words, asked, parts in read["forms"]
    ]
    frequent = {(left, right): rows for left, right, rows in read["frequent"]}
    index = Index(forms, Rules(**settings["rules"]), frequent=frequent)
    return lambda chunk: parcel(_searched(chunk, index))


def leaks_in(head: Mapping[str, Any]) -> list[tuple[int, str, list[Leak]]]:
    """Return index and id of the rows that hold items, and which."""
    return [
        (row, id_, [Leak(item=item, test=LeakTest(test), similarity=similar) for item, test, similar in leaks])
        for row, id_, leaks in head["leaks"]
    ]


def row_words(row: TrainingRow) -> list[Words]:
    """Return the words of each of the row's fields that has any, in their order."""
    return [words for _, text in row.fields if (words := words_of(text))]


def _searched(chunk: RowChunk, index: Index) -> dict[str, object]:
    found = [(row.index, row.id, index.search(row_words(row))) for row in chunk.rows]
    leaks = [
        (row, id_, [(one.item, int(one.test), one.similarity) for one in here]) for row, id_, here in found if here
    ]
    return {"rows": len(found), "leaks": leaks}
