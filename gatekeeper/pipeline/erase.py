"""Forgetting people and what they wrote, without touching the record.

A leaf holds a pseudonym under a key of the person's own, or a digest with a salt of the text's own. Erasing deletes
the row that holds name and key, or text and salt: leaves, proofs, exports and passports stay what they were, and what
they hold says nothing any more.

Whoever comes back under the same name gets a new pseudonym, and two pseudonyms count as two people. So that an erased
person cannot agree to what they proposed or agreed to before, a decision about an update in which somebody erased took
part is taken only from people whose own first entry is older than that erasure: they had another row at the time, so
they are somebody else. :func:`require_told_apart` is asked before every consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.pipeline.submit import require_known
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import answers, entries, parts, people, texts, updates
from gatekeeper.store.tables import UpdateRow

PERSON = "person"
"""What a leaf says was erased, where it was a person; for a text it says the text's digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was forgotten."""

    subjects: tuple[str, ...]
    """The pseudonym, or the digests of the texts."""
    entries: tuple[int, ...]
    """Numbers of the ledger entries that say so."""
    trained: tuple[str, ...] = ()
    """Updates that named the person as their trainer; the pseudonym stands there now."""


def erase_person(workspace: Workspace, person: str, *, by: str) -> Erased:
    """Forget a person's name and the key of their pseudonym.

    Raises:
        StateError: the person is still among the project's people.
        UsageError: nobody of that name is known here, or ``by`` is not among the project's people.
    """
    lookup = workspace.lookup(person)
    if lookup in {workspace.lookup(name) for name in workspace.principals}:
        raise StateError(
            f"{person} is still among this project's people, with a key that says whose signatures are theirs.",
            hint="Take them out of principals.toml first, then repeat.",
        )
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        known_as = workspace.pseudonym(session, person)
        if known_as is None:
            raise UsageError(
                f"Nobody called {person} is known here.", hint="They never acted here, or were erased before."
            )
        trained = [row.id for row in updates.trained(session) if _same(workspace, updates.trainer(row), lookup)]
        for update_id in trained:
            updates.rename_trainer(session, update_id, known_as)
        people.erase(session, known_as)
        answers.forget(session)
        entry = append(
            session,
            type=Event.TEXT_ERASED,
            actor=workspace.remember(session, by),
            subject=known_as,
            data={"what": PERSON},
        )
    workspace.store.scrub()
    return Erased(subjects=(known_as,), entries=(entry.seq,), trained=tuple(trained))


def erase_text(workspace: Workspace, digest: str, *, by: str) -> Erased:
    """Forget one text and its salt.

    Raises:
        UsageError: there is no text of that digest, or ``by`` is not among the project's people.
    """
    with workspace.store.reading() as session:
        subject = texts.subject(session, digest)
    if subject is None:
        raise UsageError("There is no text of that digest.", hint="It was erased before, or is another one.")
    return _erase_texts(workspace, subject, (digest,), by=by)


def erase_texts_about(workspace: Workspace, update_id: str, *, by: str) -> Erased:
    """Forget every text that was written about an update.

    Raises:
        UsageError: there is none, or ``by`` is not among the project's people.
    """
    with workspace.store.reading() as session:
        updates.require(session, update_id)
        found = tuple(texts.about(session, update_id))
    if not found:
        raise UsageError(f"Nothing that was written about {update_id} is kept.", hint="It was erased before.")
    return _erase_texts(workspace, update_id, found, by=by)


def require_told_apart(workspace: Workspace, session: Session, row: UpdateRow, person: str) -> None:
    """Return when a person is certainly none of the erased people who took part in an update.

    Raises:
        NotEntitled: they may be one of them.
    """
    forgotten = parts.nameless(session, row.id)
    trainer = updates.trainer(row)
    if trainer.startswith("person:") and people.display_name(session, trainer) is None:
        forgotten.add(trainer)
    if not forgotten:
        return
    erasures = {entry.subject: entry.seq for entry in entries.of_type(session, Event.TEXT_ERASED.value)}
    own = workspace.pseudonym(session, person)
    first = None if own is None else entries.first_by(session, own)
    if first is None or any(first > erasures.get(part, -1) for part in forgotten):
        raise NotEntitled(
            f"Somebody who took part in {row.id} was erased, and nothing tells {person} from them.",
            hint="Somebody who acted here before that erasure can decide; or propose the update again.",
        )


def _erase_texts(workspace: Workspace, subject: str, digests: Sequence[str], *, by: str) -> Erased:
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        actor = workspace.remember(session, by)
        gone = [digest for digest in digests if texts.erase(session, digest)]
        answers.forget(session)
        said = [
            append(session, type=Event.TEXT_ERASED, actor=actor, subject=subject, data={"what": digest})
            for digest in gone
        ]
    workspace.store.scrub()
    return Erased(subjects=tuple(gone), entries=tuple(entry.seq for entry in said))


def _same(workspace: Workspace, name: str, lookup: str) -> bool:
    return bool(name.strip()) and workspace.lookup(name) == lookup
