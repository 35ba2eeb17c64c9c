"""One authenticated call: who, what exactly, under which conditions; and how it is answered once.

The order of every write: who calls; has the same been asked before; is what the caller saw still what is there; do it;
keep the answer. An answer is kept when the call ended as it would again (2xx, 409, 422); after anything else the same
key may be tried again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.identity import Caller
from api.problems import Problem, request_id_of, response_for
from api.service import Service, log, service_of
from gatekeeper.core.digests import Digest, digest_of, sha256_bytes
from gatekeeper.core.errors import GatekeeperError, PromotionConflict
from gatekeeper.store.answers import Claim, Kept

_LONGEST_KEY: Final = 200
_KEPT: Final = frozenset({409, 422})
_PASSED_ON: Final = ("etag", "location")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose sender may make it."""

    service: Service
    caller: Caller
    request_id: str
    key: str | None
    """The caller's ``Idempotency-Key``."""
    fingerprint: Digest | None
    """Of method, path, query and body; ``None`` without a key, where nobody asks for it."""
    if_match: str | None
    if_none_match: str | None

    def once(self, act: Callable[[], Response]) -> Response:
        """Answer a write: with what the same request was answered before, else by doing it.

        Raises:
            Problem: the key belongs to another request, or the same one is being worked on.
        """
        if self.key is None or self.fingerprint is None:
            return act()
        with self.service.claims.taken(holder=self.caller.holder, key=self.key, request=self.fingerprint) as claimed:
            if claimed.keep is None:
                return _again(claimed.before or Claim(mine=None))
            response, lasting = self._ended(act)
            if lasting:
                claimed.keep(_kept(response), datetime.now(UTC) + self.service.settings.answers_kept)
        return response

    def require_match(self, etag: str) -> None:
        """Return when what the caller saw is what is there.

        Raises:
            Problem: it is not, or the caller does not say what they saw.
        """
        if self.if_match is None or self.if_match.strip() in {"", "*"}:
            raise Problem(
                "no-precondition",
                "A change takes If-Match with the ETag of what was seen.",
                hint="Read it first and send its ETag; * is not taken.",
            )
        if etag not in {each.strip() for each in self.if_match.split(",")}:
            raise Problem("changed", "It has changed since it was read.", hint="Read it again.")

    def _ended(self, act: Callable[[], Response]) -> tuple[Response, bool]:
        """Return how it ended, and whether it would end like that again."""
        try:
            response, passing = act(), False
        except (GatekeeperError, Problem) as error:
            # Somebody else was moving the alias: that is over in a moment.
            response, passing = response_for(error, self.request_id), isinstance(error, PromotionConflict)
        return response, not passing and (response.status_code < 300 or response.status_code in _KEPT)


async def call_of(request: Request) -> Call:
    """Return the call that a request is; the route has found out who makes it."""
    # Only what is repeated under a key has to be told apart by its body.
    body = sha256_bytes(await request.body()) if "idempotency-key" in request.headers else None
    return call_about(request, body)


def call_about(request: Request, body: str | None) -> Call:
    """Return the call that a request is, whose body has this digest, without reading it.

    Raises:
        Problem: its key cannot be one.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Problem("payload", f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable ASCII characters.")
    return Call(
        service=service_of(request),
        caller=request.state.caller,
        request_id=request_id_of(request),
        key=key,
        fingerprint=None if key is None else digest_of([request.method, request.url.path, request.url.query, body]),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
    )


Here = Annotated[Call, Depends(call_of)]
"""What a route asks for."""


def etag_of(model: BaseModel) -> str:
    """Return the strong ETag of what is sent: the same exactly when every byte is."""
    return _etag(model.model_dump_json().encode())


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(
    model: BaseModel,
    *,
    status: int = 200,
    tagged: bool = False,
    call: Call | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a success.

    Args:
        model: what is sent.
        status: of HTTP.
        tagged: whether it carries its ETag.
        call: when given, ``If-None-Match`` is looked at.
        headers: more of them.
    """
    more = dict(headers or {})
    body = model.model_dump_json().encode()
    if tagged:
        more["ETag"] = _etag(body)
        seen = {each.strip() for each in (call.if_none_match or "").split(",")} if call is not None else set()
        if more["ETag"] in seen:
            return Response(status_code=304, headers=more)
    return Response(body, status_code=status, media_type="application/json", headers=more)


def _again(claim: Claim) -> Response:
    if not claim.same:
        raise Problem(
            "key-used", "This Idempotency-Key was used for another request.", hint="Take a new key for a new request."
        )
    if claim.kept is None:
        raise Problem(
            "in-progress",
            "The same request is being worked on.",
            hint="Ask again with the same key: the answer is kept.",
            headers={"Retry-After": "1"},
        )
    log.info("an earlier answer is repeated")
    return Response(
        claim.kept.body,
        status_code=claim.kept.status,
        media_type=claim.kept.media,
        headers={**claim.kept.headers, "Idempotent-Replayed": "true"},
    )


def _kept(response: Response) -> Kept:
    return Kept(
        status=response.status_code,
        media=response.media_type or response.headers.get("content-type"),
        headers={name: response.headers[name] for name in _PASSED_ON if name in response.headers},
        body=bytes(response.body),
    )
