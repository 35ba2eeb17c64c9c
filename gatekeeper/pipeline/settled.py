"""Whether there is anything at all that a start would have to settle; asked before every change over the service.

Nearly always there is nothing: no promotion under way or given up, no request that waits, was agreed to or broke the
glass, and no evaluation that goes on. Then nothing is left for :func:`gatekeeper.pipeline.moves.recover`, for
:func:`gatekeeper.pipeline.dead_runs.end_dead_runs` and for :func:`gatekeeper.pipeline.lapse.lapse` to look at.
"""

from gatekeeper.pipeline.granted import BREAK_GLASS
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import unfinished


def is_settled(workspace: Workspace) -> bool:
    """Return whether none of them would find a row to look at; what they would do with one is theirs to say."""
    with workspace.store.reading() as session:
        return not unfinished.anything(session, lasting=BREAK_GLASS)
