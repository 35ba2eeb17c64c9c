"""One round of looking for what happened behind the gate's back.

In this order: what a dead process left under way is settled; time limits are enforced; every protected alias of every
model is compared with its last observed promotion; aliases that moved are put back where the policy says so; the
revocation lists are kept fresh; then the stored files are looked at, and hashed where that is due.

A registry that cannot be asked is an error of the round: nothing is written down, and nothing that lasts is cleared.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, ParamSpec, TypeVar

from gatekeeper.core.errors import GatekeeperError, PromotionConflict, RegistryError
from gatekeeper.pipeline.alias_watch import watch_aliases
from gatekeeper.pipeline.drift import OF_ALIASES, Changes, OpenDrift, open_drifts
from gatekeeper.pipeline.file_watch import watch_files
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.restore import restore
from gatekeeper.pipeline.revocations import out_of_date, publish
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import models, promotions, watches
from policies.policy import Policy

RESTORED_EVERY: Final = timedelta(minutes=10)
"""How long to wait before an alias that could not be put back is tried again: each try hashes the version."""

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an alias was not put back."""

    reason: str
    again: datetime
    """When it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did and saw."""

    at: datetime
    settled: tuple[str, ...] = ()
    """Updates whose interrupted promotion was finished or given up."""
    lapsed: tuple[str, ...] = ()
    """Updates that were live over their verdict and are revoked now: their time was over."""
    changes: Changes = field(default_factory=Changes)
    restored: tuple[OpenDrift, ...] = ()
    """Drifts whose alias was put back."""
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    """Why aliases were not put back, by the drift's id."""
    published: tuple[str, ...] = ()
    """Models that were given a new revocation list."""
    lasting: tuple[OpenDrift, ...] = ()
    """Every drift that lasts when the round ends."""
    errors: tuple[str, ...] = ()
    """What could not be asked; the round is good only without any."""
    last_hashed: datetime | None = None
    """When any version's bytes were last hashed."""
    reached: bool = True
    """Whether the registry answered at all."""


def reconcile_round(
    workspace: Workspace, *, policy: Policy, now: datetime | None = None, earlier: Round | None = None
) -> Round:
    """Look at everything once: aliases first, then files.

    Args:
        workspace: of the installation.
        policy: says whether an alias is put back.
        now: the present moment, for tests.
        earlier: the round before, which knows what could not be put back.
    """
    moment = now or datetime.now(UTC)
    first = reconcile_aliases(workspace, policy=policy, now=moment, earlier=earlier)
    if not first.reached:
        return first
    second = reconcile_files(workspace, now=moment)
    return dataclasses.replace(
        first,
        changes=first.changes + second.changes,
        lasting=second.lasting,
        errors=tuple(dict.fromkeys(first.errors + second.errors)),
        last_hashed=second.last_hashed,
    )


def reconcile_aliases(
    workspace: Workspace, *, policy: Policy, now: datetime | None = None, earlier: Round | None = None
) -> Round:
    """Look at everything that takes no hashing; arguments as for :func:`reconcile_round`."""
    moment = now or datetime.now(UTC)
    asking = _Asking()
    asking.ask(None, workspace.registry.reach)
    if asking.errors:
        return _ended(workspace, Round(at=moment, errors=tuple(asking.errors), reached=False))
    settled = asking.ask((), recover, workspace)
    lapsed = asking.ask((), _lapse, workspace, moment)
    names = _models(workspace)
    changes = Changes()
    for name in names:
        changes += asking.ask(Changes(), watch_aliases, workspace, name, moment=moment)
    restored, refused = _restore(workspace, policy, moment, earlier)
    published = tuple(name for name in names if asking.ask(False, _publish, workspace, name, moment))
    return _ended(
        workspace,
        Round(
            at=moment,
            settled=settled,
            lapsed=lapsed,
            changes=changes,
            restored=restored,
            refused=refused,
            published=published,
            errors=tuple(asking.errors),
        ),
    )


def reconcile_files(workspace: Workspace, *, now: datetime | None = None) -> Round:
    """Look at the versions that matter, and hash their bytes where that is due; takes as long as the hashing does."""
    moment = now or datetime.now(UTC)
    asking = _Asking()
    asking.ask(None, workspace.registry.reach)
    changes = Changes()
    for name in () if asking.errors else _models(workspace):
        changes += asking.ask(Changes(), watch_files, workspace, name, moment=moment)
    return _ended(workspace, Round(at=moment, changes=changes, errors=tuple(asking.errors)))


class _Asking:
    """Goes on with the next question when one cannot be answered, and remembers why."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def ask(
        self,
        default: Answer,
        question: Callable[Parameters, Answer],
        *arguments: Parameters.args,
        **options: Parameters.kwargs,
    ) -> Answer:
        """Return the answer; ``default`` when there is none."""
        try:
            return question(*arguments, **options)
        except GatekeeperError as error:
            if error.message not in self.errors:
                self.errors.append(error.message)
            return default


def _lapse(workspace: Workspace, moment: datetime) -> tuple[str, ...]:
    """End what has run out of time, before the aliases are compared with promotions."""
    return lapse(workspace, now=moment)


def _models(workspace: Workspace) -> list[str]:
    with workspace.store.reading() as session:
        return models.names(session)


def _restore(
    workspace: Workspace, policy: Policy, moment: datetime, earlier: Round | None
) -> tuple[tuple[OpenDrift, ...], dict[str, Refusal]]:
    """Put back what may be put back; return it, and why the rest was not."""
    restored: list[OpenDrift] = []
    refused: dict[str, Refusal] = {}
    if policy.drift != "restore":
        return (), refused
    for lasting in open_drifts(workspace):
        if lasting.drift.kind not in OF_ALIASES:
            continue
        before = None if earlier is None else earlier.refused.get(lasting.id)
        if before is not None and moment < before.again:
            refused[lasting.id] = before
            continue
        try:
            restore(workspace, lasting, moment=moment)
        except PromotionConflict as error:
            refused[lasting.id] = Refusal(reason=error.message, again=moment)
        except GatekeeperError as error:
            refused[lasting.id] = Refusal(reason=error.message, again=moment + RESTORED_EVERY)
        else:
            restored.append(lasting)
    return tuple(restored), refused


def _publish(workspace: Workspace, model: str, moment: datetime) -> bool:
    """Give the model a new revocation list where it needs one; return whether it did.

    Raises:
        RegistryError: it needs one and did not take it.
    """
    registry = workspace.registry
    with workspace.store.reading() as session:
        moves = [
            promotions.last_observed(session, registry_id=registry.id, model=model, alias=alias)
            for alias in models.protected_aliases(session, model)
        ]
    promoted = next((move for move in moves if move is not None), None)
    # Nothing to revoke, or nowhere to keep it: a model that was deleted is found as a drift.
    if promoted is None or not registry.has_version(model, promoted.version):
        return False
    if not out_of_date(workspace, model, now=moment):
        return False
    if not publish(workspace, model, now=moment):
        raise RegistryError(f"The registry did not take the revocation list of {model}.", hint="See who may write.")
    return True


def _ended(workspace: Workspace, seen: Round) -> Round:
    with workspace.store.reading() as session:
        hashed = watches.last_hashed(session, registry_id=workspace.registry.id)
    return dataclasses.replace(seen, lasting=open_drifts(workspace), last_hashed=hashed)
