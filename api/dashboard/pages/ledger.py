"""The ledger: entries a page at a time, and whether one of them is proven to be in it."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Refused, Visit
from api.problems import Problem
from api.routes import ledger as routes
from api.shapes.ledger import EntriesOut, EntryOut, ProofOut
from audits.ledger.tlog_proof import Proven, verify_proof
from gatekeeper.core.errors import GatekeeperError, VerificationError
from gatekeeper.store import entries

_AT_ONCE = 50
_MOST = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One entry, and what its leaf says of itself."""

    entry: EntryOut
    said: dict[str, Any]
    """Empty where the leaf cannot be read."""


def ledger(visit: Visit) -> Response:
    """Show a page of entries; the newest where none is asked for."""
    visit.require("GET", "/v1/ledger/entries")
    with visit.service.workspace.store.reading() as session:
        size = entries.size(session)
    asked = visit.query.get("first")
    first = max(0, size - _AT_ONCE) if asked is None else number_of(asked)
    found = visit.ask("GET", "/v1/ledger/entries", routes.list_entries, EntriesOut, first=first, limit=_AT_ONCE)
    return show(
        visit,
        "ledger",
        title="Ledger",
        size=size,
        first=first,
        before=max(0, first - _AT_ONCE) if first else None,
        after=found.next,
        lines=[_read(each) for each in found.items],
    )


def entry(visit: Visit) -> Response:
    """Show one entry with its proof, and say in words what checking the proof gave."""
    seq = number_of(visit.named["seq"])
    found = visit.ask("GET", "/v1/ledger/entries/{seq}", routes.one_entry, EntryOut, seq=seq)
    proof, proven, wrong = None, None, ""
    try:
        proof = visit.ask("GET", "/v1/ledger/entries/{seq}/proof", routes.prove, ProofOut, seq=seq)
        proven = _checked(visit, proof, found)
    except VerificationError as error:
        wrong = error.message
    except (Problem, GatekeeperError) as error:
        wrong = f"No proof could be made: {error.said.detail if isinstance(error, Problem) else error.message}"
    except Refused as refused:
        wrong = f"No proof could be made: {refused.problem.detail}"
    read = _read(found)
    return show(
        visit,
        "entry",
        title=f"Ledger entry {seq}",
        read=read,
        told=json.dumps(read.said, indent=2, ensure_ascii=False) if read.said else found.leaf,
        proof=proof,
        proven=proven,
        quorum=visit.service.workspace.notary.trust.quorum,
        wrong=wrong,
    )


def number_of(text: str) -> int:
    """Return the number of an entry.

    Raises:
        Problem: the text is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= _MOST):
        raise Problem("not-found", "The ledger has no entry of that number.")
    return int(text)


def _checked(visit: Visit, proof: ProofOut, found: EntryOut) -> Proven:
    """Check the proof as anybody would who has its text alone, with the keys that this installation trusts.

    Raises:
        VerificationError: it proves nothing, or another entry.
    """
    trust = visit.service.workspace.notary.trust
    proven = verify_proof(
        proof.proof,
        origin=trust.origin,
        log_keys=trust.log_keys,
        witnesses=trust.witnesses,
        quorum=trust.quorum,
    )
    if proven.index != found.seq or proven.leaf != found.leaf.encode():
        raise VerificationError("The proof is of another entry than the one shown.")
    return proven


def _read(entry: EntryOut) -> Read:
    try:
        said = json.loads(entry.leaf)
    except ValueError:
        said = None
    return Read(entry=entry, said=said if isinstance(said, dict) else {})
