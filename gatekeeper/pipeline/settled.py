"""Whether there is anything at all that a start would have to settle; asked before every change over the service.

Nearly always there is nothing: no promotion under way or given up, and no request that waits, was agreed to or broke
the glass. Then neither :func:`gatekeeper.pipeline.moves.recover` nor :func:`gatekeeper.pipeline.lapse.lapse` has
anything to look at, and one statement says so.
"""

from gatekeeper.pipeline.granted import BREAK_GLASS
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, requests


def is_settled(workspace: Workspace) -> bool:
    """Return whether neither function would find a row to look at; what they would do with one is theirs to say."""
    with workspace.store.reading() as session:
        return not (promotions.any_unfinished(session) or requests.any_unfinished(session, lasting=BREAK_GLASS))
