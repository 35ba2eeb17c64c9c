"""A service over the quick world, and people who call it with tokens of their own."""

import json
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient
from people import PEOPLE, key_of
from quick_world import MODEL, weights

from api.app import create_app
from api.settings import ServiceSettings
from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.digests import canonical
from gatekeeper.store import tokens

PLENTY = 1_000_000

ROLES = {
    "zelda": ("submitter",),
    "dana": ("approver",),
    "kim": ("approver",),
    "ola": ("auditor",),
    "ada": ("admin",),
    "abe": ("admin",),
}


def settings(policy, incoming, **more):
    """Settings under which nobody is slowed down."""
    rates = {"reads_per_minute": PLENTY, "writes_per_minute": PLENTY, "failures_per_minute": PLENTY}
    return ServiceSettings(policy=lambda: policy, incoming=incoming, **{**rates, **more})


def token_for(workspace, name, *roles, lasts=timedelta(days=1), now=None):
    """Make a token for somebody and return its text."""
    moment = now or datetime.now(UTC)
    token = tokens.new_token()
    with workspace.store.transaction() as session:
        holder = workspace.remember(session, name)
        tokens.add(session, token, holder=holder, roles=roles, now=moment, expires=moment + lasts)
    return token


class Person:
    """Somebody who calls a service, and signs with their own key."""

    def __init__(self, client, token, name):
        self.client, self.token, self.name = client, token, name

    def call(self, method, path, **more):
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, *, etag=None, key=None):
        headers = {"If-Match": etag} if etag else {}
        if key:
            headers["Idempotency-Key"] = key
        return self.call("POST", path, json=body, headers=headers)

    def sign(self, decision):
        """Sign what the service gave to sign."""
        return sign(canonical(decision), PAYLOAD_TYPE, key_of(self.name))

    def seen(self, update):
        """Look at an update; return its ETag and its digests."""
        found = self.get(f"/v1/updates/{update}")
        return found.headers["ETag"], found.json()["digests"]

    def decide(self, update, action="approve", *, comment="", key=None):
        """Look, sign and send."""
        etag, seen = self.seen(update)
        (decision,) = self.get(f"/v1/updates/{update}/to-sign", params={"action": action}).json()["decisions"]
        body = {"envelope": self.sign(decision), "seen": seen, "comment": comment}
        return self.post(f"/v1/updates/{update}/{action}", body, etag=etag, key=key)

    def propose(self, folder, *, key=None, **more):
        """Propose a folder below the incoming one."""
        body = {"model": MODEL, "name": "an update", "artifact": f"incoming:{folder.name}", **more}
        return self.post("/v1/updates", body, key=key)

    def run(self, update):
        """Evaluate."""
        etag, _seen = self.seen(update)
        return self.post(f"/v1/updates/{update}/runs", etag=etag)

    def promote(self, update, *, key=None):
        """Look, then promote."""
        etag, seen = self.seen(update)
        return self.post(f"/v1/updates/{update}/promote", {"seen": seen}, etag=etag, key=key)


class World:
    """A service, its installation, and its people."""

    def __init__(self, workspace, root, policy, *, roles=ROLES, **more):
        self.workspace, self.root, self.policy = workspace, root, policy
        self.incoming = root / "incoming"
        self.incoming.mkdir(exist_ok=True)
        self.app = create_app(workspace, settings(policy, more.pop("incoming", self.incoming), **more))
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.people = {
            name: Person(self.client, token_for(workspace, name, *roles[name]), name)
            for name in PEOPLE
            if name in roles
        }

    def __getattr__(self, name):
        if name in self.people:
            return self.people[name]
        raise AttributeError(name)

    def folder(self):
        """A new folder of full weights in the incoming folder."""
        return weights(self.incoming)

    def proposed(self, *, first=False):
        """Propose an update; return its id."""
        return self.zelda.propose(self.folder(), first=first).json()["id"]

    def judged(self, *, first=False):
        """Propose and evaluate; return its id."""
        update = self.proposed(first=first)
        ended = self.zelda.run(update)
        assert ended.status_code == 201, ended.text
        return update

    def live(self):
        """A first champion, put live over HTTP; return its id."""
        update = self.judged(first=True)
        for person in (self.dana, self.kim):
            assert person.decide(update).status_code == 200
        promoted = self.ada.promote(update)
        assert promoted.status_code == 200, promoted.text
        return update

    def updated(self):
        """An update of the champion, put live over HTTP; return its id."""
        update = self.judged()
        assert self.dana.decide(update).status_code == 200
        promoted = self.ada.promote(update)
        assert promoted.status_code == 200, promoted.text
        return update


def as_json(response):
    """Return what a problem says: status and code."""
    body = json.loads(response.text)
    return response.status_code, body["type"].removeprefix("urn:gatekeeper:problem:")
