"""Make one registered version an update, at most once.

In this order: claim it, so that nobody else takes it; see whether the gate put it there itself; wait a little for tags
that come after it; fetch files and rows; propose it in the name of a service, and mark it in the transaction that
writes the update down. What cannot be an update is refused on record, and what cannot be asked now is asked again;
nothing is passed over silently.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import StateError
from gatekeeper.core.states import State
from gatekeeper.core.update import Update
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.pipeline import run
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.references import champion_of
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.taking import claims
from gatekeeper.pipeline.taking.intake import Intake, Later, Refused, Taken, asking
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import UPDATE_TAG, RegisteredVersion
from gatekeeper.store import intakes, updates
from gatekeeper.store.intakes import Key
from gatekeeper.store.tables import IntakeRow, IntakeState, UpdateRow
from policies.policy import Policy

_PATIENCE: Final = timedelta(minutes=30)
"""After so long, whoever took a version counts as dead."""
_FIRST_WAIT: Final = timedelta(seconds=30)
_LONGEST_WAIT: Final = timedelta(hours=1)
_BEFORE_REGISTERED: Final = frozenset({State.EVALUATING, State.PENDING_APPROVAL, State.BLOCKED, State.BREAK_GLASS})


def take(
    workspace: Workspace,
    intake: Intake,
    policy: Policy,
    version: RegisteredVersion,
    *,
    again: bool = False,
    now: datetime | None = None,
) -> Taken | None:
    """Make one version an update, or write down why not; ``None`` where somebody else has it, or it is not due.

    Args:
        workspace: of the installation.
        intake: in whose name.
        policy: that it is proposed under.
        version: as the registry lists it.
        again: take it also where it was refused, or was there before the gate began to look.
        now: the present moment, for tests.

    Raises:
        StoreError: the application database does not answer.
    """
    moment = now or datetime.now(UTC)
    key = key_of(workspace, version)
    with workspace.store.transaction() as session:
        claim = intakes.claim(session, key, now=moment, patience=_PATIENCE, again=again)
    if claim.mine is None:
        return None
    taking = _Taking(
        workspace=workspace, version=version, key=key, row=claim.row, mine=claim.mine, moment=moment, again=again
    )
    try:
        update = taking.proposed(intake, policy)
    except Later as later:
        due = later.due or moment + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(claim.row.attempts, 12))
        return taking.settled(IntakeState.WAITING, code=later.code, reason=later.reason, due=due)
    except Refused as refused:
        return taking.settled(IntakeState.REFUSED, code=refused.code, reason=refused.reason)
    except BaseException:
        taking.settled(IntakeState.WAITING, code="fault", due=moment + _LONGEST_WAIT)
        raise
    if update is None:
        return taking.settled(IntakeState.OURS)
    return Taken(model=key.model, version=key.version, state=IntakeState.PROPOSED, update_id=update.id)


def key_of(workspace: Workspace, version: RegisteredVersion) -> Key:
    """Return what tells a version from every other one."""
    return Key(
        registry_id=workspace.registry.id,
        model=version.model,
        version=version.version,
        created_ms=version.created_ms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taking:
    """One version that this process has claimed."""

    workspace: Workspace
    version: RegisteredVersion
    key: Key
    row: IntakeRow
    """As it was claimed."""
    mine: str
    """Proof of the claim."""
    moment: datetime
    again: bool
    """Whether a person asked for it: nothing is waited for then."""

    def proposed(self, intake: Intake, policy: Policy) -> Update | None:
        """Return the update that the version became; ``None`` where the gate put it there.

        Raises:
            Later: it is to be looked at again.
            Refused: it cannot be an update as it is.
        """
        workspace, version = self.workspace, self.version
        named = self._named()
        if named is not None and self._is_registered(named):
            return None
        tags_by = self.row.first_seen + intake.tags_come_within
        if claims.DATA_TAG not in version.tags and self.moment < tags_by and not self.again:
            raise Later("no-data-tag", f"It has no tag {claims.DATA_TAG} yet.", due=tags_by)
        with asking("champion"):
            champion_of(workspace, version.model)
        with asking("files"):
            if not workspace.registry.is_within_reach(version.model, version.version):
                raise Refused("source", "Its files lie where the registry does not keep files: propose it by hand.")
        by = claims.trainer(workspace, version)
        workspace.versions_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=workspace.versions_dir, prefix=".intake-") as draft:
            with asking("files"):
                artifact = workspace.registry.fetch(version.model, version.version, into=Path(draft))
                if named is not None and _holds(artifact, named):
                    return None  # a copy that a process left behind when it died while it registered it
            with asking("data"):
                rows = claims.rows(workspace, intake, version, Path(draft))
            with asking("base"):
                base = claims.base(intake, version.tags)
            proposal = Proposal(
                name=claims.title(version),
                model=version.model,
                artifact=artifact,
                data=rows,
                submitter=intake.service,
                base=base,
                provenance=claims.provenance(version.tags, by=by),
            )
            with asking("proposal"):
                return run.propose(workspace, proposal, policy, within=self._mark)

    def settled(
        self, state: IntakeState, *, code: str | None = None, reason: str | None = None, due: datetime | None = None
    ) -> Taken | None:
        """Write down what became of the version; ``None`` where somebody took it over meanwhile."""
        key = self.key
        try:
            with self.workspace.store.transaction() as session:
                intakes.settle(session, key, self.mine, state, now=self.moment, due=due, code=code, reason=reason)
                if state is IntakeState.REFUSED:
                    append(
                        session,
                        type=Event.INTAKE_REFUSED,
                        actor=ACTOR,
                        subject=label(f"{label(key.model)}/{key.version}"),
                        data={
                            "registry": key.registry_id,
                            "model": label(key.model),
                            "version": label(key.version),
                            "code": code,
                        },
                        now=self.moment,
                    )
        except StateError:
            return None
        return Taken(model=key.model, version=key.version, state=state, code=code, reason=reason)

    def _mark(self, session: Session, update: Update) -> None:
        intakes.became(session, self.key, self.mine, update.id, now=self.moment)

    def _named(self) -> UpdateRow | None:
        """Return the update of this model that the version's tag names: a claim, and nothing more."""
        named = self.version.tags.get(UPDATE_TAG)
        if not named or "\x00" in named:
            return None
        with self.workspace.store.reading() as session:
            update = updates.find(session, named)
        return update if update is not None and update.model == self.version.model else None

    def _is_registered(self, named: UpdateRow) -> bool:
        """Return whether the gate itself registered the version, as its own record says.

        Raises:
            Later: the update may be being registered just now.
        """
        if named.registered_version == self.version.version:
            return True
        under_way = named.registered_version is None and named.state in _BEFORE_REGISTERED
        if under_way and self.moment < self.row.first_seen + _PATIENCE:
            raise Later("being-registered", "The gate may be registering it.", due=self.moment + _FIRST_WAIT)
        return False


def _holds(artifact: Path, named: UpdateRow) -> bool:
    """Return whether files are exactly those of an update."""
    base = None if named.base_path is None else Path(named.base_path)
    return read_artifact(artifact, base).manifest.digest == named.manifest_digest
