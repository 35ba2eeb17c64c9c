"""What is asked for: a mix of reads, and the life of updates as writes.

A write is a POST that changes the state of an update and appends a ledger entry in the same transaction, with an
``Idempotency-Key`` and, where the interface asks for it, ``If-Match``, the digests in view and a signature:

- propose a folder: its files are copied and hashed, the champion's bytes are hashed again;
- withdraw that proposal;
- approve, as two people one after the other, each with their own key;
- reject what they agreed to, as a third person.

Each in turn, so that a fifth of the writes are proposals, two fifths consents. For each pair of lives the caller reads
one update, as it has to see what it decides about; such reads are counted beside, never as reads.

A read is a GET by somebody who may see everything: of twenty, seven are single updates with their ETag, three are
lists of twenty updates, three verdicts, one evidence, one its findings, one its decisions, one a ledger entry, one a
page of fifty entries, one an inclusion proof under a signed checkpoint, one a model.
"""

import itertools
import json
import random
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from load_project import MODEL, OFFERED
from people import key_of

from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.digests import canonical

READS = (
    *("/v1/updates/{update}",) * 7,
    *("/v1/updates?limit=20",) * 2,
    "/v1/updates?limit=20&state=PENDING_APPROVAL&model=" + MODEL,
    *("/v1/updates/{update}/verdict",) * 3,
    "/v1/updates/{update}/evidence",
    "/v1/updates/{update}/findings",
    "/v1/updates/{update}/approvals",
    "/v1/ledger/entries/{seq}",
    "/v1/ledger/entries?limit=50&first={seq}",
    "/v1/ledger/entries/{seq}/proof",
    f"/v1/models/{MODEL}",
)
"""Paths of twenty reads."""

KINDS = ("propose", "withdraw", "approve", "approve", "reject")


class RanOut(Exception):
    """There is no update left that waits for decisions: more have to be made before the load."""


class Pool:
    """What callers share: tokens, each in turn, and updates, each once."""

    def __init__(self, project):
        self._tokens = {name: itertools.cycle(made) for name, made in project.tokens.items()}
        self._judged = iter(project.judged)
        self._lock = threading.Lock()
        self.project = project

    def token(self, name):
        """Return the next token of a person."""
        with self._lock:
            return next(self._tokens[name])

    def judged(self):
        """Return an update that nobody has decided about."""
        with self._lock:
            update = next(self._judged, None)
        if update is None:
            raise RanOut
        return update


def reads(wire, pool, number):
    """Give one read after the other: what it is, and what asks it."""
    chosen, order = random.Random(number), list(READS)  # noqa: S311  # the same order in every run
    chosen.shuffle(order)
    updates, entries = pool.project.judged, pool.project.entries
    for path in itertools.cycle(order):
        full = path.format(update=chosen.choice(updates), seq=chosen.randrange(entries))

        def ask(full=full):
            return wire.ask("GET", full, pool.token("ola"))

        yield path, ask


def writes(wire, pool, number):
    """Give one write after the other, two lives at a time: what it is, and what asks it."""
    names = itertools.count()

    def post(person, path, body, etag=None):
        key = f"load-{number}-{next(names)}"
        return wire.ask("POST", path, pool.token(person), body=json.dumps(body).encode(), etag=etag, key=key)

    while True:
        made = []
        offer = {"model": MODEL, "name": f"weekly {number}", "artifact": f"incoming:{OFFERED}", "method": "sft"}
        yield "propose", lambda offer=offer, made=made: _kept(made, post("zelda", "/v1/updates", offer))
        if made:
            yield "withdraw", lambda made=made: _withdrawn(post, made.pop())
        update = pool.judged()
        seen = []
        _kept(seen, wire.ask("GET", f"/v1/updates/{update}", pool.token("lee")))
        for person, action in (("dana", "approve"), ("kim", "approve"), ("lee", "reject")):
            if seen:
                yield action, lambda p=person, a=action, s=seen: _kept(s, _decided(post, s.pop(), p, a))


def _kept(kept, answer):
    """Keep a success for what comes after it; a life ends where something failed."""
    if 200 <= answer.status < 300:
        kept.append(answer)
    return answer


def _withdrawn(post, made):
    update = json.loads(made.body)
    body = {"seen": update["digests"], "comment": ""}
    return post("zelda", f"/v1/updates/{update['id']}/withdraw", body, made.etag)


def _decided(post, seen, person, action):
    """Sign what was seen, where the key is, and send it."""
    update = json.loads(seen.body)
    expires = update["approvals"]["expires"]
    decision = {
        "v": 1,
        "action": "promote",
        "decision": action,
        "update": update["id"],
        "run": update["run"],
        "request": None,
        "model": update["model"],
        "alias": "champion",
        **update["digests"],
        "expires": expires[:19] + "Z",
    }
    envelope = sign(canonical(decision), PAYLOAD_TYPE, key_of(person))
    body = {"envelope": envelope, "seen": update["digests"], "comment": "numbers look fine"}
    return post(person, f"/v1/updates/{update['id']}/{action}", body, seen.etag)
