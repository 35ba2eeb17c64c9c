"""One call over HTTP: its token, its key, its repetition, and what a refusal says."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from gatekeeper.core.errors import GatekeeperError, InputError

_TRIES: Final = 4
_IN_PROGRESS: Final = "in-progress"
_URN: Final = "urn:gatekeeper:problem:"
_CHUNK: Final = 1 << 20
_LONGEST_WAIT: Final = 5.0

Shape = TypeVar("Shape", bound=BaseModel)


class Refused(GatekeeperError):
    """The service answered with a problem."""

    def __init__(self, *, status: int, code: str, detail: str, hint: str, request_id: str) -> None:
        super().__init__(detail, hint=hint)
        self.status = status
        self.code = code
        """Keeps its meaning; docs/api.md lists them."""
        self.request_id = request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success."""

    body: bytes
    etag: str | None
    replayed: bool
    """Whether the service gave an earlier answer again."""


class Calls:
    """Calls one service with one token."""

    def __init__(self, http: httpx.Client, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self._wait = wait

    def get(self, path: str, shape: type[Shape], params: Mapping[str, Any] | None = None) -> tuple[Shape, Answer]:
        """Return what is at a path.

        Raises:
            Refused: the service says no.
            InputError: the service cannot be reached, or does not answer as it should.
        """
        answer = self._send("GET", path, params=dict(params or {}), headers={}, body=None)
        return _read(answer, shape), answer

    def post(
        self,
        path: str,
        shape: type[Shape],
        body: BaseModel | None = None,
        *,
        etag: str | None = None,
        prefer: str | None = None,
    ) -> Shape:
        """Do something once, however often it has to be asked for until the answer arrives.

        Raises:
            Refused, InputError: as :meth:`get`.
        """
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        if etag is not None:
            headers["If-Match"] = etag
        if prefer is not None:
            headers["Prefer"] = prefer
        sent = None if body is None else body.model_dump_json().encode()
        if sent is not None:
            headers["Content-Type"] = "application/json"
        return _read(self._send("POST", path, params={}, headers=headers, body=sent), shape)

    def send_file(self, path: str, shape: type[Shape], file: Path, *, params: Mapping[str, str]) -> Shape:
        """Send a file's own bytes, once; what breaks off is sent again as a whole by whoever asks again.

        Raises:
            Refused, InputError: as :meth:`get`.
        """
        try:
            with file.open("rb") as stream:
                response = self._http.request(
                    "POST",
                    path,
                    params=dict(params),
                    headers={"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)},
                    content=iter(lambda: stream.read(_CHUNK), b""),
                )
        except httpx.TransportError as error:
            raise InputError(f"The service did not take the file: {error}.", hint="Send it again.") from error
        if not response.is_success:
            raise _refused(response)
        return _read(Answer(body=response.content, etag=None, replayed=False), shape)

    def _send(
        self, method: str, path: str, *, params: dict[str, Any], headers: dict[str, str], body: bytes | None
    ) -> Answer:
        for left in reversed(range(_TRIES)):
            try:
                response = self._http.request(method, path, params=params, headers=headers, content=body)
            except httpx.TransportError as error:
                if left:
                    self._wait(0.5)
                    continue
                raise InputError(
                    f"The service did not answer: {error}.", hint="Nothing is known of what became of the request."
                ) from error
            if response.is_success:
                return Answer(
                    body=response.content,
                    etag=response.headers.get("etag"),
                    replayed=response.headers.get("idempotent-replayed") == "true",
                )
            refused = _refused(response)
            again = refused.status == HTTPStatus.SERVICE_UNAVAILABLE or refused.code == _IN_PROGRESS
            if not left or not again:
                raise refused
            self._wait(min(_LONGEST_WAIT, _seconds(response.headers.get("retry-after"))))
        raise RuntimeError("every try ends by itself")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() else 1.0


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError as error:
        raise InputError(
            "The service's answer does not have the shape it should have.", hint="Is it another version?"
        ) from error


def _refused(response: httpx.Response) -> Refused:
    try:
        said = response.json()
        code = str(said["type"]).removeprefix(_URN)
        detail, hint = str(said["detail"]), str(said.get("hint", ""))
        request_id = str(said.get("request_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        code, detail, hint, request_id = "", f"The answer is {response.status_code} and no problem of ours.", "", ""
    return Refused(status=response.status_code, code=code, detail=detail, hint=hint, request_id=request_id)
