"""Find the registered versions that no update stands for, and take them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.references import last_promoted
from gatekeeper.pipeline.taking.intake import PASSING, Intake, Taken, require_service
from gatekeeper.pipeline.taking.take import key_of, take
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import RegisteredVersion
from gatekeeper.store import intakes, models, promotions
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look at the registry found."""

    taken: tuple[Taken, ...] = ()
    """Versions whose state changed, or that wait."""
    errors: tuple[str, ...] = ()
    """What could not be asked."""
    began: tuple[str, ...] = ()
    """Models whose versions are looked at from now on."""


@dataclass(slots=True)
class _Look:
    taken: list[Taken] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    began: list[str] = field(default_factory=list)


def look(
    workspace: Workspace,
    intake: Intake,
    policy: Policy,
    *,
    only: frozenset[str] | None = None,
    now: datetime | None = None,
) -> Looked:
    """Look at the models under the gate, and take every version that no update stands for.

    Args:
        workspace: of the installation.
        intake: which versions, and in whose name.
        policy: that proposals are made under.
        only: names of models to look at; by default all.
        now: the present moment, for tests.

    Raises:
        UsageError: the service may not propose.
    """
    require_service(workspace, intake.service)
    seen, moment = _Look(), now or datetime.now(UTC)
    since = _since(workspace, moment)
    with workspace.store.reading() as session:
        known = models.names(session)
    for model in known:
        if (intake.only and model not in intake.only) or (only is not None and model not in only):
            continue
        try:
            if last_promoted(workspace, model) is None:
                continue  # nothing to compare with: a first version is certified by people
            if _begin(workspace, model, since, moment):
                seen.began.append(model)
            for version in _unsettled(workspace, model):
                taken = take(workspace, intake, policy, version, now=now)
                if taken is not None:
                    seen.taken.append(taken)
        except PASSING as error:
            if error.message not in seen.errors:
                seen.errors.append(error.message)
    return Looked(taken=tuple(seen.taken), errors=tuple(seen.errors), began=tuple(seen.began))


def find_version(workspace: Workspace, model: str, version: str) -> RegisteredVersion:
    """Return a version as the registry lists it.

    Raises:
        UsageError: there is none.
    """
    for found in workspace.registry.list_versions(model):
        if found.version == version:
            return found
    raise UsageError(f"The registry has no version {version} of {model}.", hint="Name one that it has.")


def _since(workspace: Workspace, moment: datetime) -> datetime:
    """Return when the gate began to look at this registry: now, where it has not."""
    registry_id = workspace.registry.id
    with workspace.store.reading() as session:
        since = intakes.began(session, registry_id)
    if since is None:
        with workspace.store.transaction() as session:
            intakes.begin(session, registry_id, intakes.REGISTRY, (), now=moment)
            since = intakes.began(session, registry_id)
    return since or moment


def _begin(workspace: Workspace, model: str, since: datetime, moment: datetime) -> bool:
    """Begin to look at a model's versions, and leave those from before to people. Return whether it is new.

    From before is, where the model had a champion when the gate began to look, everything that is there; where it got
    one later, everything up to the version that people certified.
    """
    registry = workspace.registry
    with workspace.store.reading() as session:
        if intakes.began(session, registry.id, model) is not None:
            return False
        first = promotions.history(session, registry_id=registry.id, model=model, alias=CHAMPION)[-1]
    later = first.finished is not None and first.finished > since
    prior = [
        key_of(workspace, each)
        for each in registry.list_versions(model)
        if not later or _number(each.version) <= _number(first.version)
    ]
    with workspace.store.transaction() as session:
        return intakes.begin(session, registry.id, model, prior, now=moment)


def _number(version: str) -> int:
    """Return a version's number: registries count them."""
    return int(version) if version.isdecimal() else 0


def _unsettled(workspace: Workspace, model: str) -> list[RegisteredVersion]:
    """Return the versions of a model that may have to be taken, oldest first."""
    with workspace.store.reading() as session:
        known = intakes.of_model(session, workspace.registry.id, model)
    found = []
    for version in workspace.registry.list_versions(model):
        row = known.get(key_of(workspace, version))
        if version.ready and (row is None or row.state not in intakes.SETTLED):
            found.append(version)
    return found[::-1]
