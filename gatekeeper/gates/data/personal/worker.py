"""One process that searches batches it is sent: JSON lines in, JSON lines out.

It is started as a command, so it neither forks a process with threads nor runs the caller's main module again.
"""

import json
import sys

from gatekeeper.gates.data.personal.language_model import DEFAULT
from gatekeeper.gates.data.personal.search import Search, SearchOptions
from gatekeeper.gates.data.reading.disguises import Disguise

COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from gatekeeper.gates.data.personal.worker import serve; serve()"
)
"""What the process runs: its first line of input says where modules lie."""


def options_line(options: SearchOptions) -> str:
    """Return the options as one line."""
    return json.dumps(
        {
            "names": options.names,
            "every_row": options.every_row,
            "details": options.details,
            "model": options.model,
            "disguises": sorted(options.disguises),
            "min_score": options.min_score,
        }
    )


def serve() -> None:
    """Answer each line of rows with a line of matches until the input ends."""
    plain = json.loads(sys.stdin.readline())
    if plain["model"] == DEFAULT:
        # Presidio and spaCy import torch where there is one; this model runs without it and starts in half the time.
        sys.modules["torch"] = None  # type: ignore[assignment]  # makes the import fail
    search = Search(SearchOptions(**{**plain, "disguises": frozenset(map(Disguise, plain["disguises"]))}))
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        found = [
            (row, field, match.start, match.end, match.type, match.score)
            for row, field, match in search.batch(json.loads(line))
        ]
        answers.write(json.dumps(found) + "\n")
        answers.flush()
