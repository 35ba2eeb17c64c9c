"""What tests of the pipeline ask a workspace, and how they put another measurement behind a gate."""

import dataclasses

from gatekeeper.store import entries, updates


def state_of(workspace, update_id):
    """Return where an update stands."""
    with workspace.store.reading() as session:
        return updates.require(session, update_id).state


def events_of(workspace, update_id):
    """Return the types of the ledger's entries about an update, in order."""
    with workspace.store.reading() as session:
        return [entry.type for entry in entries.of_subject(session, update_id)]


def with_gate(workspace, gate_id, measure):
    """Put another measurement behind one gate of the workspace."""
    gate = dataclasses.replace(workspace.catalogue[gate_id], measure=measure)
    object.__setattr__(workspace, "catalogue", {**workspace.catalogue, gate_id: gate})
