"""Requests that no person would think of, against the running service, as every role and as nobody.

A real server listens on a port of this machine, over the world whose updates are judged in milliseconds, with updates
in several states. schemathesis makes requests from the service's own description, half of them such as it allows and
half such as it does not; in half of them the ids and ETags are those of things that are there. Of every answer:
no server error, no status, header, media type or shape that the description does not name.

Run with ``python -m tests.benchmarks.api_fuzz [--requests N] [--seed N] [--json FILE]``; ends with 1 when anything is
found.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from people import PEOPLE, person
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from service_world import ROLES, Person, World, token_for

from api.webhooks.address import Rules
from api.webhooks.post import Poster
from api.webhooks.settings import Incoming, Outgoing
from audits.witness.server import listen
from gatekeeper.pipeline.uploads.depot import Depot

ROBOT = "robot"
NOBODY = "nobody"
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PATIENCE = 120
"""Seconds after which an answer, or the next piece of one, does not come any more."""

EXPECTED_503 = {"/readyz"}
"""What may answer with a 5xx, as the description says."""


@contextmanager
def running():
    """Give a world and the address at which it is served."""
    with tempfile.TemporaryDirectory(prefix="api-fuzz-") as folder:
        root, policy = Path(folder), quick_policy()
        people = {**PEOPLE, ROBOT: person(ROBOT, "service")}
        registry = FakeRegistry(root=root / "registry")
        workspace = quick_workspace(root, registry, policies=(policy,), people=people)
        rules = Rules(hosts=frozenset({"hooks.example.com"}))
        outgoing = Outgoing(rules=rules, poster=Poster(rules), key=b"k" * 32)  # nothing sends in here
        rung = Incoming(secret=lambda: b"s" * 32, wake=lambda model: None, look=lambda: None)
        (root / "scans").mkdir()
        world = World(
            workspace,
            root,
            policy,
            outgoing=outgoing,
            registry=rung,
            depot=Depot(incoming=root / "incoming"),
            scans=root / "scans",
        )

        world.people[ROBOT] = Person(world.client, token_for(workspace, ROBOT, "service"), ROBOT)
        populate(world)
        with listen("127.0.0.1:0") as listener:
            config = uvicorn.Config(world.app, log_level="error", access_log=False, lifespan="off")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            yield world, f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True
            thread.join()
        workspace.store.close()


def populate(world):
    """Put updates into as many states as people bring them to without trouble."""
    world.live()
    second = world.updated()
    etag, _seen = world.dana.seen(second)
    (asked,) = world.dana.get(f"/v1/updates/{second}/to-sign", params={"action": "anchor"}).json()["decisions"]
    world.dana.post(f"/v1/updates/{second}/anchor", {"envelopes": [world.dana.sign(asked)]}, etag=etag)
    world.dana.decide(world.judged(), "reject")
    world.dana.decide(world.judged())
    for _ in range(3):
        world.judged()
        world.proposed()


class Dice:
    """Puts what is really there into requests, every other time."""

    def __init__(self, world, url, number):
        self.random = random.Random(number)  # noqa: S311  # a repeatable choice, no secret
        self.url = url
        listed = world.ola.get("/v1/updates", params={"limit": 100}).json()["items"]
        self.updates = [item["id"] for item in listed]
        self.digest = world.policy.digest
        self.request = world.ola.get("/v1/requests").json()["items"][0]["id"]
        self.run = next(item["run"] for item in listed if item["run"])
        self.auditor = requests.Session()
        self.auditor.headers["Authorization"] = f"Bearer {world.ola.token}"
        self.admin = requests.Session()
        self.admin.headers["Authorization"] = f"Bearer {world.ada.token}"
        hook = {"url": "https://hooks.example.com/x", "events": ["update.promoted"]}
        self.webhook = world.ada.post("/v1/webhooks", hook).json()["webhook"]["id"]
        self.delivery = world.ada.post(f"/v1/webhooks/{self.webhook}/test").json()["id"]

    def touch(self, case):
        """Change a request that was made up into one about something real."""
        if self.random.random() < 0.5:
            return
        known = {
            "update_id": self.random.choice(self.updates),
            "model": "quick",
            "seq": self.random.randrange(40),
            "digest": self.digest,
            "request_id": self.request,
            "webhook_id": self.webhook,
            "delivery_id": self.delivery,
            "run_id": self.run,
            "scan": "nothing",
        }
        for name in case.path_parameters or {}:
            case.path_parameters[name] = known[name]
        path = f"/v1/updates/{known['update_id']}"
        if "/models/" in case.path:
            path = "/v1/models/quick"
        if "/requests/" in case.path:
            path = f"/v1/requests/{self.request}"
        if "/webhooks/" in case.path:
            path = f"/v1/webhooks/{self.webhook}"
        unseen = case.path.startswith(("/v1/uploads", "/v1/quarantine"))
        if case.method == "POST" and case.path_parameters and not unseen:
            eyes = self.admin if "/webhooks/" in path else self.auditor
            seen = eyes.get(self.url + path, timeout=PATIENCE)
            case.headers["If-Match"] = seen.headers.get("ETag", '"removed"')
            if isinstance(case.body, dict) and "seen" in case.body:
                case.body["seen"] = seen.json()["digests"]


class Tally:
    """What was asked, what was answered, and what was wrong with it."""

    def __init__(self):
        self.requests = 0
        self.statuses = Counter()
        self.found = {}

    def note(self, role, case, response, failures):
        """Write one answer down."""
        self.requests += 1
        self.statuses[response.status_code] += 1
        for failure in failures:
            key = f"{type(failure).__name__} at {case.method} {case.path} as {role}"
            self.found.setdefault(key, f"{failure}"[:600])


def fuzz(operation, holders, examples, *, url, dice, tally, number):
    """Send so many different requests of one kind, each as everybody."""
    session = requests.Session()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @seed(number)
        @settings(
            max_examples=max(1, examples // 2),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case):
            dice.touch(case)
            for role, token in holders.items():
                case.headers.pop("Authorization", None)
                if token is not None:
                    case.headers["Authorization"] = f"Bearer {token}"
                response = case.call(base_url=url, session=session, timeout=PATIENCE)
                tally.note(role, case, response, failures_of(case, response))

        try:
            send()
        except Exception as error:
            # Where nothing in a request can be wrong, no wrong one can be made.
            if mode is GenerationMode.POSITIVE:
                raise
            if "Impossible to generate negative" not in str(error) and "Unsatisfiable" not in type(error).__name__:
                raise


def open_to_all(form):
    """Return the description without its tokens: schemathesis would spend half of its requests on wrong ones."""
    form["components"].pop("securitySchemes")
    for methods in form["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return form


def failures_of(case, response):
    """Return what is wrong with an answer."""
    checks = [each for each in CHECKED if not (each is not_a_server_error and case.path in EXPECTED_503)]
    try:
        case.validate_response(response, checks=checks)
    except FailureGroup as group:
        return list(group.exceptions)
    except Failure as failure:
        return [failure]
    return []


def main():
    """Fuzz as every role, print what came of it, and say whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    began = time.monotonic()
    with running() as (world, url):
        schema = schemathesis.openapi.from_dict(open_to_all(requests.get(f"{url}/v1/openapi.json", timeout=30).json()))
        operations = [each.ok() for each in schema.get_all_operations()]
        holders = {
            **{roles[0]: world.people[name].token for name, roles in ROLES.items()},
            "service": world.people[ROBOT].token,
            NOBODY: None,
        }
        each = max(2, -(-chosen.requests // (len(operations) * len(holders))))
        tally, dice, turn = Tally(), Dice(world, url, chosen.seed), 0
        while tally.requests < chosen.requests:  # not every operation has as many different requests
            for place, operation in enumerate(operations):
                number = chosen.seed * 1_000_000 + turn * 1000 + place
                fuzz(operation, holders, each, url=url, dice=dice, tally=tally, number=number)
            turn += 1
    seconds = time.monotonic() - began
    result = {
        "requests": tally.requests,
        "operations": len(operations),
        "roles": sorted(holders),
        "seconds": round(seconds, 1),
        "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
        "server_errors": sum(count for status, count in tally.statuses.items() if status >= 500),
        "breaches": tally.found,
    }
    print(json.dumps(result, indent=2))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if tally.found or result["server_errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
