"""Who may call what: one table, and nothing that is not in it.

A route that the table does not name cannot be added to the application. The matrix in ``docs/api.md`` and the test of
every route with every role are made from it. What a role may do here is only who may *ask*: whether this person may
decide about this update is the pipeline's to say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gatekeeper.core.states import MOVES, State
from gatekeeper.store.tables import RequestState


class Role(StrEnum):
    """What a token may be used for. Approvers may be limited to a domain: ``approver:safety``."""

    SUBMITTER = "submitter"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SERVICE = "service"
    """A program, not a person: it never decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked for."""

    method: str
    path: str
    roles: frozenset[Role] | None
    """Who may; ``None`` for anybody, without a token."""
    about: str
    """One line, for the documentation."""
    guarded: bool = False
    """Whether it takes ``If-Match``: it changes something that has an ``ETag``."""
    states: frozenset[State] | None = None
    """States of an update in which it can succeed; ``None`` where none is asked.

    Nothing here asks: the pipeline does. A test holds that it does so as it stands here.
    """
    request_states: frozenset[RequestState] | None = None
    """The same of a request."""

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


_EVERYONE: Final = frozenset(Role)
_PEOPLE: Final = _EVERYONE - {Role.SERVICE}
_PROPOSERS: Final = frozenset({Role.SUBMITTER, Role.SERVICE})
_DECIDERS: Final = frozenset({Role.APPROVER, Role.ADMIN})
_ADMINS: Final = frozenset({Role.ADMIN})
_READERS: Final = frozenset({Role.APPROVER, Role.AUDITOR, Role.ADMIN})
_OVERSEERS: Final = frozenset({Role.AUDITOR, Role.ADMIN})
ROW_READERS: Final = _READERS
"""Who sees on pages what gates flagged in training data; for everybody else it is masked."""


def _get(path: str, roles: frozenset[Role] | None, about: str) -> Route:
    return Route(method="GET", path=path, roles=roles, about=about)


def _post(
    path: str,
    roles: frozenset[Role],
    about: str,
    *,
    guarded: bool = True,
    states: Iterable[State] | None = None,
    request_states: Iterable[RequestState] | None = None,
) -> Route:
    return Route(
        method="POST",
        path=path,
        roles=roles,
        about=about,
        guarded=guarded,
        states=None if states is None else frozenset(states),
        request_states=None if request_states is None else frozenset(request_states),
    )


def _before(state: State) -> frozenset[State]:
    """Return the states that an update may come from."""
    return frozenset(each for each, after in MOVES.items() if state in after)


ROUTES: Final = (
    _get("/healthz", None, "Whether the process answers."),
    _get("/readyz", None, "Whether database, policy and registry answer."),
    _get("/metrics", None, "Figures for Prometheus, without the name of anything."),
    _get("/v1/openapi.json", None, "This interface, as OpenAPI."),
    _get("/v1/me", _EVERYONE, "Who the token belongs to, and what it may be used for."),
    _get("/v1/uploads", _PROPOSERS, "Files that one sent and has not proposed, or not long ago."),
    _post("/v1/uploads", _PROPOSERS, "Send an adapter or training rows, to propose them.", guarded=False),
    _post("/v1/uploads/{digest}/remove", _PROPOSERS, "Take one's own file away.", guarded=False),
    _get("/v1/updates", _EVERYONE, "Updates, newest first."),
    _post("/v1/updates", _PROPOSERS, "Propose an update.", guarded=False),
    _get("/v1/updates/{update_id}", _EVERYONE, "One update, with its ETag."),
    _get("/v1/updates/{update_id}/runs", _EVERYONE, "Its evaluations, newest first."),
    _post(
        "/v1/updates/{update_id}/runs", _PROPOSERS | {Role.ADMIN}, "Evaluate it now.", states=_before(State.EVALUATING)
    ),
    _get("/v1/updates/{update_id}/runs/{run_id}", _EVERYONE, "Where one evaluation stands."),
    _post(
        "/v1/updates/{update_id}/runs/{run_id}/cancel",
        _PROPOSERS | {Role.ADMIN},
        "End an evaluation without a verdict.",
        guarded=False,
    ),
    _get("/v1/updates/{update_id}/events", _EVERYONE, "How far its evaluation is, as server-sent events."),
    _get("/v1/updates/{update_id}/verdict", _EVERYONE, "What the policy decided, with every reason."),
    _get("/v1/updates/{update_id}/evidence", _PEOPLE, "What every gate measured."),
    _get("/v1/updates/{update_id}/findings", _PEOPLE, "What the gates point at."),
    _get("/v1/updates/{update_id}/rows", _PEOPLE, "Which training rows the gates flagged, and why."),
    _get("/v1/updates/{update_id}/approvals", _PEOPLE, "Who decided what, signed."),
    _get("/v1/updates/{update_id}/to-sign", _DECIDERS, "What a decision about it would have to say."),
    _post(
        "/v1/updates/{update_id}/approve",
        frozenset({Role.APPROVER}),
        "Agree to exactly this.",
        states=(State.PENDING_APPROVAL,),
    ),
    _post(
        "/v1/updates/{update_id}/reject",
        frozenset({Role.APPROVER}),
        "Refuse it for good.",
        states=_before(State.REJECTED),
    ),
    _post(
        "/v1/updates/{update_id}/request-changes",
        frozenset({Role.APPROVER}),
        "Send it back to its proposer.",
        states=(State.PENDING_APPROVAL,),
    ),
    _get("/v1/updates/{update_id}/waivers", _PEOPLE, "Which findings people may accept, and who accepted which."),
    _post(
        "/v1/updates/{update_id}/waive",
        _DECIDERS,
        "Accept one finding until a date.",
        states=(State.PENDING_APPROVAL,),
    ),
    _post(
        "/v1/updates/{update_id}/withdraw",
        _PROPOSERS,
        "Take one's own proposal back.",
        states=_before(State.WITHDRAWN),
    ),
    _post(
        "/v1/updates/{update_id}/promote",
        _DECIDERS | {Role.SERVICE},
        "Point the champion to what was approved.",
        states=(State.APPROVED, State.PROMOTION_FAILED),
    ),
    _post(
        "/v1/updates/{update_id}/revoke",
        _DECIDERS,
        "Put its bytes on the revocation list.",
        states=(State.ACTIVE, State.SUPERSEDED, State.ROLLED_BACK),
    ),
    _post(
        "/v1/updates/{update_id}/anchor",
        _DECIDERS,
        "Ask to make it the anchor.",
        states=(State.ACTIVE, State.SUPERSEDED),
    ),
    _post(
        "/v1/updates/{update_id}/break-glass",
        _ADMINS,
        "Ask to put it live over its verdict, for a limited time.",
        states=(State.BLOCKED,),
    ),
    _post(
        "/v1/updates/{update_id}/review", _ADMINS, "Ask to keep what is live over its verdict.", states=(State.ACTIVE,)
    ),
    _get("/v1/requests", _PEOPLE, "What people are asked about, or agreed to and nobody has carried out."),
    _get("/v1/requests/{request_id}", _PEOPLE, "One request, with its ETag."),
    _get("/v1/requests/{request_id}/to-sign", _DECIDERS, "What a decision about it would have to say."),
    _post(
        "/v1/requests/{request_id}/approve", _DECIDERS, "Agree to exactly that.", request_states=(RequestState.OPEN,)
    ),
    _post(
        "/v1/requests/{request_id}/reject",
        _DECIDERS,
        "Refuse it.",
        request_states=(RequestState.OPEN, RequestState.APPROVED),
    ),
    _get("/v1/quarantine", _PEOPLE, "Scans whose rows wait."),
    _get("/v1/quarantine/{scan}", _PEOPLE, "Which rows of a scan wait, and why."),
    _post(
        "/v1/quarantine/{scan}/to-sign",
        frozenset({Role.APPROVER}),
        "What releasing rows would have to say.",
        guarded=False,
    ),
    _post(
        "/v1/quarantine/{scan}/release", frozenset({Role.APPROVER}), "Release rows to be learned from.", guarded=False
    ),
    _get("/v1/models", _EVERYONE, "Models under the gate."),
    _get("/v1/models/{model}", _EVERYONE, "What its aliases point to, with its ETag."),
    _get("/v1/models/{model}/lineage", _EVERYONE, "Its champions so far, and their drift from the anchor."),
    _get("/v1/models/{model}/to-sign", _DECIDERS, "What a decision to go back would have to say."),
    _post("/v1/models/{model}/rollback", _DECIDERS, "Point the champion to the version before."),
    _get("/v1/policies", _EVERYONE, "The present policy, and those of earlier runs."),
    _get("/v1/policies/{digest}", _EVERYONE, "One policy in full."),
    _get("/v1/ledger/checkpoint", _EVERYONE, "A signed checkpoint over the whole ledger."),
    _get("/v1/ledger/entries", _READERS, "Entries of the ledger, in order."),
    _get("/v1/ledger/entries/{seq}", _READERS, "One entry."),
    _get("/v1/ledger/entries/{seq}/proof", _READERS, "Proof that the entry is in the ledger."),
    _get("/v1/ledger/consistency", _EVERYONE, "Proof that a longer ledger begins with a shorter one."),
    Route(
        method="POST", path="/v1/webhooks/mlflow", roles=None, about="What the registry says happened, signed by it."
    ),
    _get("/v1/webhooks", _OVERSEERS, "Where events are sent."),
    _post("/v1/webhooks", _ADMINS, "Send events to an address.", guarded=False),
    _get("/v1/webhooks/{webhook_id}", _OVERSEERS, "One of them, with its ETag."),
    _post("/v1/webhooks/{webhook_id}/secret", _ADMINS, "Make it another secret."),
    _post("/v1/webhooks/{webhook_id}/test", _ADMINS, "Send it an event that is about nothing.", guarded=False),
    _post("/v1/webhooks/{webhook_id}/disable", _ADMINS, "Send it nothing for now."),
    _post("/v1/webhooks/{webhook_id}/enable", _ADMINS, "Send to it again."),
    _post("/v1/webhooks/{webhook_id}/remove", _ADMINS, "Send it nothing ever again."),
    _get("/v1/webhooks/{webhook_id}/deliveries", _OVERSEERS, "What was sent to it, and what waits."),
    _post("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/again", _ADMINS, "Send one event again.", guarded=False),
    _get("/v1/intake", _READERS, "Versions in the registry, and what became of them."),
)
"""Every route there is."""

TABLE: Final[Mapping[tuple[str, str], Route]] = MappingProxyType({(each.method, each.path): each for each in ROUTES})


def route_for(method: str, path: str) -> Route:
    """Return the table's line about a route.

    Raises:
        RuntimeError: there is none, so nobody may call it.
    """
    found = TABLE.get((method, path))
    if found is None:
        raise RuntimeError(f"{method} {path} is not in the table of permissions: nobody may call it")
    return found


def role_of(word: str) -> Role | None:
    """Return the role a word stands for, with or without a domain; ``None`` for no role."""
    name, colon, domain = word.partition(":")
    if name not in set(Role) or (colon and (name != Role.APPROVER or not domain)):
        return None
    return Role(name)


def words_for(roles: tuple[str, ...]) -> frozenset[str]:
    """Return what a person of these roles in the project may be given a token for.

    A role that is none of ours is one that policies may name: its holders approve in that domain alone. A program is
    nothing else beside.
    """
    own = frozenset(role if role in set(Role) else f"{Role.APPROVER}:{role}" for role in roles)
    return frozenset({Role.SERVICE.value}) if Role.SERVICE in own else own


def project_roles(words: frozenset[str]) -> frozenset[str]:
    """Return the roles of the project behind what a token may be used for; inverse of :func:`words_for`."""
    return frozenset(word.partition(":")[2] or word for word in words)


def may(words: frozenset[str], route: Route) -> bool:
    """Return whether somebody who may act as ``words`` may call a route."""
    return route.roles is None or any(role_of(word) in route.roles for word in words)


def sees_rows(words: frozenset[str]) -> bool:
    """Return whether somebody who may act as ``words`` may see the rows that gates flagged."""
    return any(role_of(word) in ROW_READERS for word in words)


def matrix() -> str:
    """Return the table as Markdown, as it stands in ``docs/api.md``."""
    head = ["Method", "Path", *(role.value for role in Role), "What"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for route in ROUTES:
        marks = ["anybody" if route.roles is None else "yes" if role in route.roles else "" for role in Role]
        lines.append("| " + " | ".join([route.method, f"`{route.path}`", *marks, route.about]) + " |")
    return "\n".join(lines)


def states_matrix() -> str:
    """Return which writes can succeed in which state of an update, or of a request, as Markdown."""
    lines = ["| Method | Path | States |", "|---|---|---|"]
    for route in ROUTES:
        known: Iterable[StrEnum] = State if route.request_states is None else RequestState
        among = route.states if route.request_states is None else route.request_states
        if among is not None:
            named = ", ".join(f"`{state}`" for state in known if state in among)
            lines.append(f"| {route.method} | `{route.path}` | {named} |")
    return "\n".join(lines)
