"""Rows as lines of JSON of our own, for those that lie in no file whose parts can be read alone.

Law: ``row_from_line(line_of_row(row)) == row``, halves of surrogate pairs and moments included.
"""

import json
from datetime import datetime

from gatekeeper.core.rows import Provenance, RowShape, TrainingRow, Turn


def line_of_row(row: TrainingRow) -> str:
    """Return the row as one line with its end, in ASCII."""
    known = row.provenance
    plain = [
        row.index,
        row.id,
        row.shape.value,
        row.fields,
        row.prompt,
        row.response,
        row.rejected,
        [(turn.role, turn.text) for turn in row.turns],
        [known.contributor, None if known.at is None else known.at.isoformat(), known.label],
    ]
    return json.dumps(plain) + "\n"


def row_from_line(line: str) -> TrainingRow:
    """Return the row that a line stands for."""
    index, id_, shape, fields, prompt, response, rejected, turns, (contributor, at, label) = json.loads(line)
    return TrainingRow(
        index=index,
        id=id_,
        shape=RowShape(shape),
        fields=tuple((name, text) for name, text in fields),
        prompt=prompt,
        response=response,
        rejected=rejected,
        turns=tuple(Turn(role=role, text=text) for role, text in turns),
        provenance=Provenance(
            contributor=contributor, at=None if at is None else datetime.fromisoformat(at), label=label
        ),
    )
