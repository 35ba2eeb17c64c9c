"""What happens to an update, from top to bottom: submit → gates → verdict → registry → approvals → promotion.

Every stage takes and returns frozen values and appends to the ledger in the transaction of its own state change; none
reads forward.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.gate import Progress, Resources, SilentProgress
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.judge import judge
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.references import anchor_of, champion_of
from gatekeeper.pipeline.register import register
from gatekeeper.pipeline.submit import Proposal, submit
from gatekeeper.pipeline.workspace import CHAMPION, Workspace
from policies.policy import Policy
from regression import Session


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
    """
    told = audience or Audience()
    champion = champion_of(workspace, proposal.model)
    anchor = anchor_of(workspace, proposal.model)

    update = submit(workspace, proposal, champion)
    checked = judge(
        workspace,
        update,
        policy,
        champion=champion,
        anchor=anchor,
        resources=resources,
        watcher=told.watcher,
        progress=told.progress,
    )
    register(workspace, checked)
    return checked


def certify(
    workspace: Workspace, proposal: Proposal, policy: Policy, resources: Resources, audience: Audience | None = None
) -> Checked:
    """Propose a first champion under the policy's absolute limits and return its verdict.

    Raises:
        StateError: the model has a champion already.
        UsageError: the policy cannot certify, or something named does not exist.
    """
    told = audience or Audience()
    if not policy.certify:
        raise UsageError(
            f"The policy {policy.name} has no certify section.", hint="Add absolute limits for a first champion."
        )
    present = workspace.registry.alias_version(proposal.model, CHAMPION)
    if present is not None:
        raise StateError(
            f"{proposal.model} has a champion already: version {present}.",
            hint="Propose an update to it instead: gatekeeper check.",
        )

    update = submit(workspace, proposal, None)
    checked = judge(
        workspace,
        update,
        policy,
        champion=None,
        anchor=None,
        resources=resources,
        watcher=told.watcher,
        progress=told.progress,
    )
    register(workspace, checked)
    return checked


@contextmanager
def evaluation(workspace: Workspace, audience: Audience | None = None) -> Iterator[Resources]:
    """Give the resources gates share; the base model is loaded once, at the first gate that needs it."""
    told = audience or Audience()

    def show(done: int, total: int) -> None:
        told.watcher.inside(done, total)

    session = Session(cache_dir=workspace.cache_dir / "items", dtype=workspace.dtype, progress=show)
    try:
        yield Resources({Session: session})
    finally:
        session.close()
