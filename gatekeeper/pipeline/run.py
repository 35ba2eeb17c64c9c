"""What happens to an update, from top to bottom: submit → gates → verdict → registry → approvals → promotion.

Every stage takes and returns frozen values and appends to the ledger in the transaction of its own state change; none
reads forward.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gatekeeper.core.errors import InputError, StateError, UsageError
from gatekeeper.core.gate import Progress, Resources, SilentProgress
from gatekeeper.core.shards import NothingKept, Shards
from gatekeeper.core.states import State, require_move
from gatekeeper.core.suite_history import SuiteHistory
from gatekeeper.core.update import Update
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.judge import judge
from gatekeeper.pipeline.kept import judged_before
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.references import Reference, anchor_of, champion_of, last_promoted
from gatekeeper.pipeline.register import register
from gatekeeper.pipeline.steps import HereAndNow, Point, Steps
from gatekeeper.pipeline.submit import Proposal, require_known, require_named, submit
from gatekeeper.pipeline.suite_history import StoredSuiteHistory
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates
from policies.policy import Policy
from regression import Executor, RegressionError, Session, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is told how far a run is."""

    watcher: Watcher = field(default_factory=Watcher)
    progress: Progress = field(default_factory=SilentProgress)


def check(
    workspace: Workspace, proposal: Proposal, policy: Policy, resources: Resources, audience: Audience | None = None
) -> Checked:
    """Propose an update against the live champion and return its verdict.

    Raises:
        UsageError: something named does not exist, or the model has no champion.
        InputError: the rows cannot be read.
        RegistryError: the registry cannot be reached.
        VerificationError: the alias was moved behind our back, so there is nothing to compare with.
    """
    require_named(proposal)
    champion = champion_of(workspace, proposal.model)
    anchor = anchor_of(workspace, proposal.model)
    return _evaluate(
        workspace,
        proposal,
        policy,
        resources=resources,
        audience=audience or Audience(),
        champion=champion,
        anchor=anchor,
    )


def certify(
    workspace: Workspace, proposal: Proposal, policy: Policy, resources: Resources, audience: Audience | None = None
) -> Checked:
    """Propose a first champion under the policy's absolute limits and return its verdict.

    Raises:
        StateError: the model has a champion, or had one.
        UsageError: the policy cannot certify, or something named does not exist.
    """
    require_named(proposal)
    _require_certifiable(workspace, proposal.model, policy)
    return _evaluate(
        workspace,
        proposal,
        policy,
        resources=resources,
        audience=audience or Audience(),
        champion=None,
        anchor=None,
    )


def propose(workspace: Workspace, proposal: Proposal, policy: Policy, *, first: bool = False) -> Update:
    """Write a proposal down, in state SUBMITTED, for :func:`evaluate` to judge later.

    Raises:
        UsageError, InputError, RegistryError, VerificationError: as :func:`check`.
        StateError: it is meant as a first champion, and there is one.
    """
    require_named(proposal)
    if first:
        _require_certifiable(workspace, proposal.model, policy)
    require_known(workspace, proposal.submitter)
    return submit(workspace, proposal, None if first else champion_of(workspace, proposal.model))


def evaluate(
    workspace: Workspace,
    update_id: str,
    policy: Policy,
    resources: Resources,
    audience: Audience | None = None,
    *,
    steps: Steps | None = None,
) -> Checked:
    """Judge what was proposed before against what is live now, or as a first champion where nothing ever was.

    Called again with the same ``steps.run_id`` after the process died, it goes on where that run stopped.

    Raises:
        StateError: it is in no state to be judged.
        UsageError, RegistryError, VerificationError: as :func:`check`.
        InputError: its files changed.
        HandedOver: somebody else carries the run now.
    """
    told, steps = audience or Audience(), steps or HereAndNow()
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        begun = runs.find(session, steps.run_id)
        if begun is None:
            require_move(row.state, State.EVALUATING)
        update = updates.as_update(row)
    if (before := judged_before(workspace, update, policy, steps.run_id)) is not None:
        register(workspace, before, steps.hold)
        steps.reached(Point.REGISTERED)
        return before
    present = workspace.registry.alias_version(update.model, CHAMPION)
    first = present is None and last_promoted(workspace, update.model) is None
    if first:
        _require_certifiable(workspace, update.model, policy)
    checked = judge(
        workspace,
        update,
        policy,
        champion=None if first else champion_of(workspace, update.model),
        anchor=None if first else anchor_of(workspace, update.model),
        resources=resources,
        watcher=told.watcher,
        progress=told.progress,
        steps=steps,
    )
    register(workspace, checked, steps.hold)
    steps.reached(Point.REGISTERED)
    return checked


def _require_certifiable(workspace: Workspace, model: str, policy: Policy) -> None:
    if not policy.certify:
        raise UsageError(
            f"The policy {policy.name} has no certify section.", hint="Add absolute limits for a first champion."
        )
    present = workspace.registry.alias_version(model, CHAMPION)
    former = last_promoted(workspace, model)
    if present is not None or former is not None:
        raise StateError(
            f"{model} has a champion already: version {former or present}.",
            hint="Propose an update to it instead: gatekeeper check. If its alias was deleted, set it back first.",
        )


def _evaluate(
    workspace: Workspace,
    proposal: Proposal,
    policy: Policy,
    *,
    resources: Resources,
    audience: Audience,
    champion: Reference | None,
    anchor: Reference | None,
) -> Checked:
    require_known(workspace, proposal.submitter)
    update = submit(workspace, proposal, champion)
    checked = judge(
        workspace,
        update,
        policy,
        champion=champion,
        anchor=anchor,
        resources=resources,
        watcher=audience.watcher,
        progress=audience.progress,
        steps=HereAndNow(),
    )
    register(workspace, checked)
    return checked


@contextmanager
def evaluation(
    workspace: Workspace,
    audience: Audience | None = None,
    *,
    shards: Shards | None = None,
    executor: Executor | None = None,
) -> Iterator[Resources]:
    """Give the resources gates share; the base model is loaded once, at the first gate that needs it.

    Args:
        workspace: where things are kept.
        audience: told how far the evaluation is.
        shards: keeps parts of long gates; nothing is kept without.
        executor: evaluates suites elsewhere; without, this process does.
    """
    told = audience or Audience()

    def show(standing: Standing) -> None:
        told.watcher.inside(standing.items_done, standing.items_total)

    try:
        session = Session(
            cache_dir=workspace.cache_dir / "items",
            dtype=workspace.dtype,
            progress=show,
            keeper=shards,
            executor=executor,
        )
    except RegressionError as error:
        raise InputError(f"The evaluation cannot start: {error}", hint="Check the cache folder and dtype.") from error
    try:
        yield Resources(
            {
                Session: session,
                SuiteHistory: StoredSuiteHistory(workspace.store),
                Shards: shards or NothingKept(),
            }
        )
    finally:
        session.close()
