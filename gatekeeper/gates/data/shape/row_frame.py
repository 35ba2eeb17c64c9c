"""Training rows as a table: one line a row, columns that say what a schema can be checked against.

Derived columns are always there; the texts themselves, under their names as read, only when asked for, since a user's
own suite may name them. The table is put together from chunks, so that no second copy of the rows is held.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gatekeeper.core.rows import RowShape, TrainingRow

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd  # type: ignore[import-untyped]  # pandas ships no types

ROW = "row"
"""Column with the position in the file; other columns are described in :func:`line_of`."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffd\ud800-\udfff]")
"""Control characters other than tab and line ends, the replacement character, halves of surrogate pairs."""
_MOJIBAKE = re.compile(
    "\u00e2\u20ac[\u0153\u009d\u2122\u02dc\u201c\u201d\u00a6]|\u00c3[\u00a0-\u00bf]|\u00c2[\u00a0-\u00bf]"
)
"""UTF-8 that was once read as Windows-1252."""


def frame(parts: Iterable[Sequence[Mapping[str, object]]]) -> "pd.DataFrame":
    """Return the table of these lines, chunk by chunk."""
    import pandas as pd

    chunks = [pd.DataFrame(list(lines)) for lines in parts]
    return pd.concat(chunks, ignore_index=True) if chunks else pd.DataFrame()


def with_numbers(table: "pd.DataFrame", columns: "Collection[str]") -> "pd.DataFrame":
    """Return the table with each of these columns as numbers, if every text in it is one.

    Fields are texts as read; a suite that compares one with a number means the number. A column with any other text
    stays as it is: turned into a missing value, that text would be passed over by expectations.
    """
    import pandas as pd

    changed = {}
    for name in columns:
        if name in table and not pd.api.types.is_numeric_dtype(table[name]):
            numbers = pd.to_numeric(table[name], errors="coerce")
            if bool((numbers.notna() == table[name].notna()).all()):
                changed[name] = numbers
    return table.assign(**changed)


def line_of(row: TrainingRow, *, texts: bool) -> dict[str, object]:
    """Return a row's columns; with ``texts``, also its fields as read."""
    every = [text for _, text in row.fields]
    content = hashlib.sha256(
        "\x1f".join((row.prompt, row.response, row.rejected or "")).encode("utf-8", "surrogatepass")
    )
    line: dict[str, object] = {
        ROW: row.index,
        "id": row.id,
        "shape": row.shape.value,
        "turns": len(row.turns),
        "content": content.hexdigest(),
        "prompt_characters": len(row.prompt),
        "response_characters": len(row.response),
        "prompt_missing": row.shape is not RowShape.TEXT and not row.prompt.strip(),
        "response_missing": not row.response.strip(),
        "answers_alike": row.rejected is not None and row.rejected.strip() == row.response.strip(),
        "control_characters": sum(len(_CONTROL.findall(text)) for text in every),
        "mojibake": sum(len(_MOJIBAKE.findall(text)) for text in every if not text.isascii()),
    }
    if texts:
        line |= {"prompt": row.prompt, "response": row.response, "rejected": row.rejected}
        line |= {name: text for name, text in row.fields if name not in line}
    return line
