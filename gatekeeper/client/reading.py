"""What the service tells, as methods; each of them changes nothing."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from api.shapes.decisions import DecisionOut, DecisionsOut, RequestOut, RequestsOut
from api.shapes.evidence import EvidenceOut, FindingOut, FindingsOut, VerdictOut
from api.shapes.ledger import CheckpointOut, EntriesOut, EntryOut, ProofOut
from api.shapes.models import LineageOut, ModelOut
from api.shapes.policies import PoliciesOut, PolicyLineOut, PolicyOut
from api.shapes.quarantine import FlaggedRowsOut, ScanOut, ScansOut, WaitingRowOut, WaitingRowsOut
from api.shapes.runs import RunStateOut
from api.shapes.service import MeOut
from api.shapes.updates import UpdateOut, UpdatesOut
from api.shapes.uploads import UploadsOut
from api.shapes.waivers import WaiversOut
from gatekeeper.client.calls import Calls
from gatekeeper.core.errors import InputError
from gatekeeper.core.states import State

_RUNS_TAKE: Final = httpx.Timeout(10, read=3600)

Shape_co = TypeVar("Shape_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[Shape_co]):
    """Something that was read, and the ETag it was read with."""

    value: Shape_co
    etag: str


class Reader:
    """Reads from one service as one person."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        http: httpx.Client | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http or httpx.Client(base_url=url, timeout=_RUNS_TAKE)
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._wait = wait
        self._calls = Calls(self._http, wait=wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def me(self) -> MeOut:
        """Return who the token belongs to."""
        return self._calls.get("/v1/me", MeOut)[0]

    def updates(
        self, *, model: str | None = None, states: Sequence[State] = (), proposer: str | None = None
    ) -> Iterator[UpdateOut]:
        """Yield updates, newest first, a page at a time."""
        cursor: str | None = None
        while True:
            wanted: dict[str, Any] = {"model": model, "proposer": proposer, "cursor": cursor, "state": list(states)}
            page, _answer = self._calls.get(
                "/v1/updates", UpdatesOut, {name: value for name, value in wanted.items() if value}
            )
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def update(self, update_id: str) -> Seen[UpdateOut]:
        """Return an update as it is now."""
        return self._seen(path_of("updates", update_id), UpdateOut)

    def uploads(self) -> UploadsOut:
        """Return one's own uploads, and how much more there may be."""
        return self._calls.get("/v1/uploads", UploadsOut)[0]

    def run_state(self, update_id: str, run_id: str) -> RunStateOut:
        """Return where an evaluation stands."""
        return self._calls.get(path_of("updates", update_id, "runs", run_id), RunStateOut)[0]

    def verdict(self, update_id: str) -> VerdictOut:
        """Return what the policy decided."""
        return self._calls.get(path_of("updates", update_id, "verdict"), VerdictOut)[0]

    def evidence(self, update_id: str) -> EvidenceOut:
        """Return what every gate measured."""
        return self._calls.get(path_of("updates", update_id, "evidence"), EvidenceOut)[0]

    def findings(self, update_id: str) -> Iterator[FindingOut]:
        """Yield what the gates point at, a page at a time; masked where the token may not see rows."""
        cursor: str | None = None
        while True:
            wanted = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            page, _answer = self._calls.get(path_of("updates", update_id, "findings"), FindingsOut, wanted)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def flagged_rows(self, update_id: str) -> Iterator[WaitingRowOut]:
        """Yield the training rows that the gates flagged, a page at a time."""
        cursor: str | None = None
        while True:
            wanted = {"cursor": cursor} if cursor else {}
            page, _answer = self._calls.get(path_of("updates", update_id, "rows"), FlaggedRowsOut, wanted)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def policies(self) -> list[PolicyLineOut]:
        """Return the present policy first, then those of earlier runs."""
        return self._calls.get("/v1/policies", PoliciesOut)[0].items

    def policy(self, digest: str) -> PolicyOut:
        """Return one policy in full."""
        return self._calls.get(path_of("policies", digest), PolicyOut)[0]

    def decisions(self, update_id: str) -> list[DecisionOut]:
        """Return who decided what."""
        return self._calls.get(path_of("updates", update_id, "approvals"), DecisionsOut)[0].items

    def waivers(self, update_id: str) -> WaiversOut:
        """Return which findings people may accept, and who accepted which."""
        return self._calls.get(path_of("updates", update_id, "waivers"), WaiversOut)[0]

    def scans(self) -> list[ScanOut]:
        """Return the scans whose rows can be released over the service."""
        return self._calls.get("/v1/quarantine", ScansOut)[0].items

    def quarantined(self, scan: str) -> Iterator[WaitingRowOut]:
        """Yield the rows of a scan that wait, a page at a time."""
        cursor: str | None = None
        while True:
            wanted = {"cursor": cursor} if cursor else {}
            page, _answer = self._calls.get(path_of("quarantine", scan), WaitingRowsOut, wanted)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def requests(self) -> list[RequestOut]:
        """Return what people are asked about, or agreed to and nobody has carried out."""
        return self._calls.get("/v1/requests", RequestsOut)[0].items

    def request(self, request_id: str) -> Seen[RequestOut]:
        """Return a request as it is now."""
        return self._seen(path_of("requests", request_id), RequestOut)

    def model(self, name: str) -> Seen[ModelOut]:
        """Return what a model's aliases point to now."""
        return self._seen(path_of("models", name), ModelOut)

    def lineage(self, name: str) -> LineageOut:
        """Return a model's champions so far."""
        return self._calls.get(path_of("models", name, "lineage"), LineageOut)[0]

    def checkpoint(self) -> CheckpointOut:
        """Return a signed checkpoint over the whole ledger."""
        return self._calls.get("/v1/ledger/checkpoint", CheckpointOut)[0]

    def proof(self, seq: int) -> ProofOut:
        """Return a proof that an entry is in the ledger."""
        return self._calls.get(f"/v1/ledger/entries/{seq}/proof", ProofOut)[0]

    def entries(self, *, first: int = 0, subject: str | None = None) -> Iterator[EntryOut]:
        """Yield entries of the ledger in order, a page at a time."""
        following: int | None = first
        while following is not None:
            wanted = {"first": following, **({"subject": subject} if subject else {})}
            page, _answer = self._calls.get("/v1/ledger/entries", EntriesOut, wanted)
            yield from page.items
            following = page.next

    def _seen(self, path: str, shape: type[Shape_co]) -> Seen[Shape_co]:
        value, answer = self._calls.get(path, shape)
        if answer.etag is None:
            raise InputError("The service sent no ETag.", hint="Is it another version?")
        return Seen(value=value, etag=answer.etag)


def path_of(*parts: str) -> str:
    """Return the path of something, whatever characters its name has."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
