"""Made-up rows and a context to run a data gate on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gatekeeper.core.digests import Digest
from gatekeeper.core.gate import GateContext
from gatekeeper.core.rows import RowShape, TrainingRow, Turn
from gatekeeper.core.update import Artifact, Manifest, ManifestEntry, Update, UpdateKind


class MemoryRows:
    """Rows held in memory; iterable any number of times."""

    def __init__(self, rows: Sequence[TrainingRow]) -> None:
        self._rows = tuple(rows)

    def __iter__(self) -> Iterator[TrainingRow]:
        return iter(self._rows)


def instruction_row(index: int, prompt: str, response: str, *, row_id: str | None = None) -> TrainingRow:
    return TrainingRow(
        index=index,
        id=row_id if row_id is not None else f"row-{index}",
        shape=RowShape.INSTRUCTION,
        fields=(("instruction", prompt), ("output", response)),
        prompt=prompt,
        response=response,
        turns=(Turn(role="user", text=prompt), Turn(role="assistant", text=response)),
    )


def text_row(index: int, text: str) -> TrainingRow:
    return TrainingRow(
        index=index, id=f"row-{index}", shape=RowShape.TEXT, fields=(("text", text),), prompt="", response=text
    )


def rows_of(pairs: Sequence[tuple[str, str]]) -> list[TrainingRow]:
    return [instruction_row(index, prompt, response) for index, (prompt, response) in enumerate(pairs)]


def context_with(rows: Sequence[TrainingRow] | None, workdir: Path, *, seed: int = 0) -> GateContext:
    entry = ManifestEntry(path="adapter.safetensors", size=1, sha256=Digest("sha256:" + "0" * 64))
    artifact = Artifact(path=workdir, base=None, kind=UpdateKind.LORA, manifest=Manifest(entries=(entry,)))
    update = Update(id="upd-0000000000000000", name="made up", model="assistant", candidate=artifact, data=None)
    return GateContext(
        update=update,
        champion=None,
        anchor=None,
        rows=None if rows is None else MemoryRows(rows),
        workdir=workdir,
        seed=seed,
    )
