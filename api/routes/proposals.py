"""Proposing an update."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.responses import Response

from api.calls import Call, Here, answer
from api.finding import seen_now
from api.guard import guarded_router
from api.payloads import ProposalIn
from api.problems import Problem
from api.shapes.updates import UpdateOut
from gatekeeper.core.update import Provenance
from gatekeeper.pipeline import run
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.uploads.keep import found as uploaded
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.tables import UploadKind

router = guarded_router()

_REGISTERED = "models:/"
_INCOMING = "incoming:"
_UPLOAD = "upload:"


@router.post("/v1/updates", response_model=UpdateOut, status_code=201, summary="Propose an update", tags=["updates"])
def propose(proposal: ProposalIn, call: Here) -> Response:
    """Write a proposal down on a copy of its own, as SUBMITTED. Whoever calls is who proposes."""

    def act() -> Response:
        workspace, policy = call.service.settled(), call.service.policy()
        with _uploads_stay(call, proposal), _artifact(workspace, call, proposal.artifact) as artifact:
            update = run.propose(
                workspace,
                Proposal(
                    name=proposal.name,
                    model=proposal.model,
                    artifact=artifact,
                    data=None if proposal.data is None else _incoming(call, proposal.data, UploadKind.ROWS),
                    submitter=call.caller.principal.name,
                    base=None if proposal.base is None else _incoming(call, proposal.base, UploadKind.ARTIFACT),
                    provenance=Provenance(
                        method=proposal.method, trainer=proposal.trainer, sources=tuple(proposal.sources)
                    ),
                    answers=proposal.answers,
                ),
                policy,
                first=proposal.first,
            )
        made = seen_now(workspace, call, update.id)
        return answer(made, status=201, tagged=True, headers={"Location": f"/v1/updates/{update.id}"})

    return call.once(act)


@contextmanager
def _artifact(workspace: Workspace, call: Call, named: str) -> Iterator[Path]:
    """Give the folder of what is proposed: a registered version, fetched, or what lies in the incoming folder.

    Raises:
        Problem: there is no such thing.
    """
    if not named.startswith(_REGISTERED):
        yield _incoming(call, named, UploadKind.ARTIFACT)
        return
    model, _, version = named.removeprefix(_REGISTERED).partition("/")
    if not workspace.registry.has_version(model, version):
        raise Problem("payload", f"The registry has no version {version} of {model}.", hint="Name one that it has.")
    if not workspace.registry.is_within_reach(model, version):
        raise Problem(
            "payload",
            f"The files of version {version} of {model} lie outside the registry's own storage.",
            hint="Register it with its files.",
        )
    workspace.versions_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=workspace.versions_dir, prefix=".proposed-") as draft:
        yield workspace.registry.fetch(model, version, into=Path(draft))


@contextmanager
def _uploads_stay(call: Call, proposal: ProposalIn) -> Iterator[None]:
    """Keep uploads from being removed while a proposal copies them."""
    depot = call.service.settings.depot
    named = (proposal.artifact, proposal.data or "", proposal.base or "")
    if depot is None or not any(each.startswith(_UPLOAD) for each in named):
        yield
        return
    with depot.held(alone=False):
        yield


def _incoming(call: Call, named: str, kind: UploadKind) -> Path:
    """Return what a name below the incoming folder, or of an upload, stands for.

    Raises:
        Problem: there is no incoming folder, nothing of that name in it, or a link in it.
    """
    folder, depot = call.service.settings.incoming, call.service.settings.depot
    if named.startswith(_UPLOAD):
        if depot is None:
            raise Problem("payload", "This service takes no uploads.", hint="Name a registered version.")
        person = call.caller.principal.name
        return uploaded(call.service.workspace, depot, named.removeprefix(_UPLOAD), kind, person=person)
    if folder is None:
        raise Problem("payload", "This service has no incoming folder.", hint="Name a registered version.")
    found = folder.resolve() / named.removeprefix(_INCOMING)
    try:
        inside = found.resolve().is_relative_to(folder.resolve()) and found.exists()
        linked = inside and any(path.is_symlink() for path in (found, *found.rglob("*")))
    except (OSError, RuntimeError, ValueError) as error:
        raise _nothing_there() from error
    others = depot is not None and (found.is_relative_to(depot.root) or depot.root.is_relative_to(found))
    if not inside or linked or others or found.resolve() != found:
        raise _nothing_there()
    return found


def _nothing_there() -> Problem:
    return Problem(
        "payload", "The incoming folder holds no plain folder or file of that name.", hint="Links are not followed."
    )
