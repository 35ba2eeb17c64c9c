"""Approvers and promoters who all come at once, round after round, through two services over one installation.

Each service has a store of its own, as two processes have, and a port of this machine. In every round an update waits
for two consents: half of the callers approve it, the other half try to promote it until it is live. Afterwards exactly
two consents may stand, exactly one promotion, the alias must point to the update, and the ledger must be whole.

With ``--spoilers N``, N callers reject it and N withdraw it at the same time. Then the round ends in exactly one of
three ways: promoted once as above, refused by one person, or taken back once; and what was answered with success is
what is kept.

Run with ``python -m tests.benchmarks.api_race [--rounds N] [--callers N] [--spoilers N] [--postgresql] [--seconds S]
[--first-round N] [--out FILE]``; ends with 1 when anything came apart. With ``--seconds`` it stops before the round
that would begin later; ``--out`` gets a line of JSON for every round, so that pieces of a long race add up.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

import httpx
import uvicorn
from databases import Server
from people import PEOPLE, person
from quick_world import MODEL, quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import Person, World, settings, token_for

from api.app import create_app
from audits.ledger.check import verify_entries
from audits.witness.server import listen
from gatekeeper.core.states import State
from gatekeeper.store import approvals, entries, promotions, updates
from gatekeeper.store.tables import Decision, PromotionState

REQUIRED = 2
LOOK_AGAIN = 0.03
"""Seconds that somebody waits who was refused, at the most."""

WAITING = {State.PENDING_APPROVAL, State.APPROVED, State.PROMOTING}


@contextmanager
def served(app):
    """Give the address at which an application answers."""
    with listen("127.0.0.1:0") as listener:
        # Callers wait long between two calls where fifty share a core: their connections must not be closed meanwhile.
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", timeout_keep_alive=300)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


class Race:
    """One round: everybody waits at the line, then does one thing until it is done or nobody can do it any more."""

    def __init__(self, update, decisions, callers, number):
        self.update = update
        self.decisions = decisions
        """What is signed to approve, and to reject: the same for everybody."""
        self.start = threading.Barrier(callers)
        self.number = number

    def look(self, who):
        """Return state, ETag and digests of the update."""
        found = who.get(f"/v1/updates/{self.update}")
        told = found.json()
        return told["state"], found.headers["ETag"], told["digests"]

    def act(self, who, verb):
        """Do something until it succeeds, or is refused for good; return every status."""
        statuses, dice = [], random.Random(f"{self.number} {who.name} {verb}")  # noqa: S311  # a pause, no secret
        path = f"/v1/updates/{self.update}/{verb}"
        own = {"envelope": who.sign(self.decisions[verb])} if verb in self.decisions else {}
        self.start.wait()
        while True:
            state, etag, seen = self.look(who)
            if state not in WAITING:
                return verb, who.name, statuses
            statuses.append(who.post(path, {**own, "seen": seen}, etag=etag).status_code)
            if statuses[-1] == 200 or (verb == "approve" and statuses[-1] != 412):
                return verb, who.name, statuses
            time.sleep(dice.random() * LOOK_AGAIN)


class Field:
    """Two services, and everybody who races."""

    def __init__(self, stack, root, url, *, callers, spoilers):
        half = callers // 2
        approving = [f"approver-{number}" for number in range(half)]
        refusing = [f"refuser-{number}" for number in range(spoilers)]
        people = {**PEOPLE, **{name: person(name, "approver") for name in (*approving, *refusing)}}
        policy, registry = quick_policy(REQUIRED), FakeRegistry(root=root / "registry")
        self.first = quick_workspace(root, registry, policies=(policy,), people=people, database_url=url)
        second = quick_workspace(root, registry, people=people, database_url=url, signs=self.first.notary)
        for each in (self.first, second):
            stack.callback(each.store.close)
        self.world = World(self.first, root, policy)
        apps = (self.world.app, create_app(second, settings(policy, None)))
        addresses = [stack.enter_context(served(app)) for app in apps]
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=callers + 2 * spoilers)
        wires = [stack.enter_context(httpx.Client(base_url=each, timeout=240, limits=limits)) for each in addresses]

        def at(place, name, token):
            return Person(wires[place % 2], token, name)

        decide = [at(n, name, token_for(self.first, name, "approver")) for n, name in enumerate(approving)]
        refuse = [at(n, name, token_for(self.first, name, "approver")) for n, name in enumerate(refusing)]
        self.tasks = [(who, "approve") for who in decide]
        self.tasks += [(at(n, "ada", self.world.ada.token), "promote") for n in range(callers - half)]
        self.tasks += [(who, "reject") for who in refuse]
        self.tasks += [(at(n, "zelda", self.world.zelda.token), "withdraw") for n in range(spoilers)]
        self.spoiled = bool(spoilers)
        self.pool = stack.enter_context(ThreadPoolExecutor(len(self.tasks)))
        self.world.live()
        self.before = self.first.registry.alias_version(MODEL, "champion")

    def round(self, number):
        """Race once; return how everybody was answered, and everything that came apart."""
        update = self.world.judged()
        decisions = {}
        for verb in ("approve", "reject"):
            asked = self.world.dana.get(f"/v1/updates/{update}/to-sign", params={"action": verb})
            (decisions[verb],) = asked.json()["decisions"]
        race = Race(update, decisions, len(self.tasks), number)
        done = [each.result() for each in [self.pool.submit(race.act, who, verb) for who, verb in self.tasks]]
        answers = Counter(f"{verb} {status}" for verb, _who, statuses in done for status in statuses)
        won = Counter(verb for verb, _who, statuses in done for status in statuses if status == 200)
        return answers, self.faults(update, won)

    def faults(self, update, won):
        """Return one sentence for everything that came apart in a round."""
        with self.first.store.reading() as session:
            row = updates.require(session, update)
            state, version = row.state, row.registered_version
            decided = Counter(each.decision for each in approvals.of_update(session, update))
            moves = Counter(each.state for each in promotions.of_update(session, update))
            told = Counter(entry.type for entry in entries.of_subject(session, update))
        alias = self.first.registry.alias_version(MODEL, "champion")
        kept = {
            "approve": (decided[Decision.APPROVE], told["approval.given"]),
            "reject": (decided[Decision.REJECT], told["approval.refused"]),
            "promote": (moves[PromotionState.OBSERVED], told["promotion.observed"]),
            "withdraw": (int(state is State.WITHDRAWN), told["update.withdrawn"]),
        }
        found = [
            f"{verb}: {won[verb]} were answered with success, {rows} are kept, the ledger has {leaves}"
            for verb, (rows, leaves) in kept.items()
            if not won[verb] == rows == leaves
        ]
        ended = {State.ACTIVE: "promote", State.REJECTED: "reject", State.WITHDRAWN: "withdraw"}
        way = ended.get(state) if self.spoiled else ended[State.ACTIVE] if state is State.ACTIVE else None
        if way is None or [won[verb] for verb in ended.values()].count(1) != 1 or won[way] != 1:
            found.append(f"the update is {state}, and answered were {dict(won)}")
        if way == "promote" and (won["approve"] != REQUIRED or alias != version):
            found.append(f"{won['approve']} consents, the alias is at {alias}, not {version}")
        if way != "promote" and alias != self.before:
            found.append(f"the alias went from {self.before} to {alias}")
        self.before = alias
        return found


def main():
    """Race, print what came of it, and say whether anything came apart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--first-round", type=int, default=0)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--spoilers", type=int, default=0)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    name = "postgresql" if told.postgresql else "sqlite"
    began, answers, found, rounds = time.monotonic(), Counter(), [], 0
    with tempfile.TemporaryDirectory(prefix="api-race-") as folder, ExitStack() as stack:
        root = Path(folder)
        url = stack.enter_context(Server(root / "pg")).database() if told.postgresql else None
        field = Field(stack, root, url, callers=told.callers, spoilers=told.spoilers)
        for number in range(told.first_round, told.rounds):
            if time.monotonic() - began > told.seconds:
                break
            said, wrong = field.round(number)
            answers, rounds = answers + said, rounds + 1
            found += [f"round {number}: {fault}" for fault in wrong]
            line = {"database": name, "round": number, "spoilers": told.spoilers, "answers": said, "faults": wrong}
            if told.out is not None:
                with told.out.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")
        with field.first.store.reading() as session:
            intact = verify_entries(session).intact
    result = {
        "database": name,
        "rounds": rounds,
        "next_round": told.first_round + rounds,
        "callers": told.callers,
        "spoilers": told.spoilers,
        "seconds": round(time.monotonic() - began, 1),
        "answers": dict(sorted(answers.items())),
        "ledger_intact": intact,
        "faults": found,
    }
    print(json.dumps(result, indent=2))
    return 1 if found or not intact else 0


if __name__ == "__main__":
    sys.exit(main())
