"""The ledger: entries as they were hashed, and proofs that anybody can check elsewhere."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from api.calls import Call, Here, answer
from api.guard import guarded_router
from api.problems import Problem
from api.shapes.ledger import CheckpointOut, ConsistencyOut, EntriesOut, EntryOut, ProofOut
from audits.ledger import proofs
from audits.ledger.note import parse_note, verifier_key, verify_note
from audits.ledger.tlog_proof import proof_text
from gatekeeper.core.errors import StateError
from gatekeeper.pipeline.passports import checkpoint as signed_checkpoint
from gatekeeper.store import checkpoints, entries
from gatekeeper.store.listing import entries_page
from gatekeeper.store.tables import EntryRow

router = guarded_router()

_MOST = 2**53 - 1

Number = Annotated[int, Path(ge=0, le=_MOST, description="Number of the entry, from 0.")]
Size = Annotated[int, Query(ge=0, le=_MOST)]
Word = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")]


@router.get("/v1/ledger/checkpoint", response_model=CheckpointOut, summary="Checkpoint", tags=["ledger"])
def checkpoint(call: Here) -> Response:
    """Return a signed checkpoint over the whole ledger, cosigned by as many witnesses as are asked for."""
    size, note = _checkpoint(call)
    return answer(CheckpointOut(size=size, note=note))


@router.get("/v1/ledger/entries", response_model=EntriesOut, summary="Entries", tags=["ledger"])
def list_entries(
    call: Here,
    first: Size = 0,
    type: Word = None,
    subject: Word = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Return entries in order, of one type or about one subject where named."""
    with call.service.workspace.store.reading() as session:
        rows = entries_page(session, limit=limit + 1, first=first, type=type, subject=subject)
    following = rows[limit].seq if len(rows) > limit else None
    return answer(EntriesOut(items=[_entry(row) for row in rows[:limit]], next=following))


@router.get("/v1/ledger/entries/{seq}", response_model=EntryOut, summary="One entry", tags=["ledger"])
def one_entry(seq: Number, call: Here) -> Response:
    """Return one entry."""
    with call.service.workspace.store.reading() as session:
        return answer(_entry(_require(entries.find(session, seq))))


@router.get("/v1/ledger/entries/{seq}/proof", response_model=ProofOut, summary="Inclusion proof", tags=["ledger"])
def prove(seq: Number, call: Here) -> Response:
    """Return a proof that the entry is in the ledger, under a signed checkpoint."""
    store = call.service.workspace.store
    with store.reading() as session:
        _require(entries.find(session, seq))
    size, note = _checkpoint_over(call, seq)
    with store.reading() as session:
        entry = _require(entries.find(session, seq))
        text = proof_text(index=seq, leaf=entry.leaf, proof=proofs.prove(session, seq, size), note=note)
    return answer(ProofOut(seq=seq, size=size, proof=text))


@router.get("/v1/ledger/consistency", response_model=ConsistencyOut, summary="Consistency proof", tags=["ledger"])
def consistency(call: Here, old: Size, new: Size) -> Response:
    """Return a proof that the ledger of ``new`` entries begins with that of ``old``."""
    with call.service.workspace.store.reading() as session:
        proof = proofs.consistency(session, old, new)
        roots = [proofs.root_at(session, size).hex() for size in (old, new)]
    return answer(
        ConsistencyOut(old=old, new=new, old_root=roots[0], new_root=roots[1], proof=[each.hex() for each in proof])
    )


def _checkpoint_over(call: Call, seq: int) -> tuple[int, str]:
    """Return a checkpoint over an entry: the last one, where long enough and of the present key, else a new one."""
    workspace = call.service.workspace
    notary = workspace.notary
    with workspace.store.reading() as session:
        last = checkpoints.latest(session, cosignatures=notary.trust.quorum)
    if last is None or last.size <= seq:
        return _checkpoint(call)
    present = verify_note(parse_note(last.note), verifier_key(notary.trust.origin, notary.log))
    return (last.size, last.note) if present else _checkpoint(call)


def _checkpoint(call: Call) -> tuple[int, str]:
    """Return a checkpoint over everything there is: the last one, where nothing came after it, else a new one."""
    workspace = call.service.workspace
    with workspace.store.reading() as session:
        last = checkpoints.latest(session, cosignatures=workspace.notary.trust.quorum)
        if last is not None and last.size == entries.size(session):
            return last.size, last.note
    try:
        return signed_checkpoint(workspace.store, workspace.notary)
    except StateError as error:
        raise Problem("not-evaluated", error.message, hint=error.hint) from error


def _require(row: EntryRow | None) -> EntryRow:
    if row is None:
        raise Problem("not-found", "The ledger has no entry of that number.")
    return row


def _entry(row: EntryRow) -> EntryOut:
    return EntryOut(seq=row.seq, leaf=row.leaf.decode(), leaf_hash=row.leaf_hash.hex())
