"""The counts of the files compared with, kept beside the reports: counting a million rows again takes minutes.

They count for exactly these bytes, and only while the program counts as it did: a fixed row is counted anew each time,
and its counts are part of the key.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from gatekeeper.core.digests import Digest, plain
from gatekeeper.core.gate import Progress
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.update import TrainingData
from gatekeeper.intake.shapes import understand
from gatekeeper.pipeline.row_history import history_of_files, history_of_rows

FOLDER = "history"
_FACTS, _SKETCH = "history.json", "sketch"
_PROBE = {"prompt": "How does the gate count one row of three phrases?", "completion": "As it did before, or anew."}


def history_of(
    files: Sequence[TrainingData], state: Path, progress: Progress, unchanged: Callable[[TrainingData], None]
) -> RowHistory | None:
    """Return the counts over files of rows, as they were kept or anew; ``None`` without a file.

    Args:
        files: by content.
        state: folder in which they are kept.
        progress: told of each row that is counted.
        unchanged: raises when a file is no longer what it was; asked before counts are kept.

    Raises:
        InputError: a row cannot be read, or a file changed.
    """
    if not files:
        return None
    folder = state / FOLDER
    key = {"files": [file.sha256 for file in files], "way": _way()}
    if (kept := _kept(folder, key)) is not None:
        return kept
    history = history_of_files([file.path for file in files], progress)
    for file in files:
        unchanged(file)
    if history is not None:
        folder.mkdir(exist_ok=True)
        (folder / _FACTS).unlink(missing_ok=True)
        (folder / _SKETCH).write_bytes(history.sketch)
        facts = {"key": plain(key), "rows": history.rows, "digest": history.digest}
        (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return history


def _way() -> Digest:
    """Return what tells one way of counting from another."""
    return history_of_rows([understand(_PROBE, 0)]).digest


def _kept(folder: Path, key: object) -> RowHistory | None:
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        history = RowHistory(rows=int(facts["rows"]), sketch=(folder / _SKETCH).read_bytes())
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return history if facts["key"] == plain(key) and facts["digest"] == history.digest else None
