"""One request of somebody who is signed in, and how a page asks the service's own routes.

A page has no query and no rule of its own: it calls the functions that answer over REST, and only those that the table
of permissions lets this person call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from api.calls import Call
from api.dashboard.sessions import Session
from api.identity import Caller
from api.permissions import may, route_for, sees_rows
from api.problems import Problem, ProblemOut
from api.service import Service
from gatekeeper.core.digests import digest_of

Shape = TypeVar("Shape", bound=BaseModel)


class Refused(Exception):
    """A route's own answer that is no success."""

    def __init__(self, problem: ProblemOut) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who looks at which page."""

    service: Service
    caller: Caller
    session: Session
    request_id: str
    path: str
    named: Mapping[str, str]
    """Parts of the path."""
    query: Mapping[str, str]
    form: Mapping[str, str]

    def may(self, method: str, path: str) -> bool:
        """Return whether this person may call a route of the service."""
        return may(self.caller.words, route_for(method, path))

    @property
    def sees_rows(self) -> bool:
        """Whether this person may see which rows were flagged, and with what in them."""
        return sees_rows(self.caller.words)

    def require(self, method: str, path: str) -> None:
        """Return when this person may call a route.

        Raises:
            Problem: they may not.
        """
        if not self.may(method, path):
            roles = ", ".join(sorted(route_for(method, path).roles or ()))
            raise Problem("not-allowed", "Your roles do not cover this.", hint=f"It takes one of: {roles}.")

    def ask(
        self,
        method: str,
        path: str,
        answer: Callable[..., Response],
        shape: type[Shape],
        *,
        etag: str | None = None,
        **arguments: Any,
    ) -> Shape:
        """Return what a route of the service answers.

        Args:
            method: of the route.
            path: of the route, as the table of permissions has it.
            answer: the route's function.
            shape: what it sends.
            etag: of what was seen, where the route takes ``If-Match``.
            arguments: of the route.

        Raises:
            Problem: this person may not, or the route finds something wrong.
            Refused: it says so in an answer.
        """
        self.require(method, path)
        response = answer(call=self.call(etag=etag), **arguments)
        if response.status_code >= 400:
            raise Refused(ProblemOut.model_validate_json(bytes(response.body)))
        return shape.model_validate_json(bytes(response.body))

    def call(self, *, etag: str | None = None) -> Call:
        """Return this visit as the routes take it; the same form sent twice counts as one request."""
        said = digest_of([self.path, *sorted([name, value] for name, value in self.form.items())])
        return Call(
            service=self.service,
            caller=self.caller,
            request_id=self.request_id,
            fingerprint=said,
            key=None if etag is None else f"page-{said}",
            if_match=etag,
            if_none_match=None,
        )
