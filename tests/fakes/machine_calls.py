"""What people of the service's state machine do over HTTP, and what a terminal beside the service does.

Every answer is looked at for one thing alone: a fault of ours is none that anybody may get.
"""

import time
from contextlib import suppress

from hypothesis.stateful import RuleBasedStateMachine
from machine_world import MODEL, PEOPLE, MachineWorld
from people import key_of

from gatekeeper.core.errors import GatekeeperError

READER = "kim"
"""Whose eyes somebody borrows who may not see what is to be signed."""


class Calls(RuleBasedStateMachine):
    """One world, and how its people act in it."""

    def __init__(self):
        super().__init__()
        self.world = MachineWorld()
        self.acted = set()
        """Whose token counted when they called, since the last reading."""
        self.applied = {self.world.applied.digest}
        """Digests of the policies that applied since the last reading."""
        self.roles = {}
        """Roles that somebody had since the last reading."""
        self.settled = None
        """When a write last succeeded or a round was good, since the last reading."""
        self.views = {}
        self.fired = set()

    def teardown(self):
        self.world.close()

    def note_people(self):
        for name, principal in self.world.people.items():
            self.roles.setdefault(name, set()).update(principal.roles)

    def step_begins(self, rule):
        """Forget what the last step was."""
        self.fired.add(rule)
        self.acted.clear()
        self.roles.clear()
        self.note_people()
        self.applied = {self.world.applied.digest}
        self.settled = None

    def post(self, name, path, body=None, *, etag=None, key=None, service=0):
        """Send a write as somebody; return the answer."""
        began = self.world.clock.now()
        if self.world.counts(name):
            self.acted.add(name)
        answer = self.world.person(name, service).post(path, body, etag=etag, key=key)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        assert self.world.counts(name) or answer.status_code in (401, 403), f"{name} has no token: {answer.text}"
        if answer.is_success:
            self.settled = began
        return answer

    def look(self, name, update, *, service=0, old=False):
        """Return ETag and digests of an update as somebody sees them, or saw them long ago."""
        if old and update in self.views:
            return self.views[update]
        eyes = name if self.world.counts(name) else READER
        found = self.world.person(eyes, service).get(f"/v1/updates/{update}")
        if found.status_code != 200:
            return None, {"update_digest": "sha256:" + "0" * 64}
        view = found.headers["ETag"], found.json()["digests"]
        self.views.setdefault(update, view)
        return view

    def envelopes(self, name, path, action, *, service=0, **more):
        """Return what somebody signs for an action: what the service gives to sign, whoever has to ask for it."""
        for eyes in (name, READER, "ada"):
            asked = self.world.person(eyes, service).get(f"{path}/to-sign", params={"action": action, **more})
            if asked.status_code == 200:
                return self.world.sign(name, asked.json()["decisions"])
        return []

    def propose_as(self, name, mood, *, trainer="", first=False, service=0):
        """Propose; return the id, or ``None``."""
        folder = self.world.folder(mood)
        body = {"model": MODEL, "name": mood, "artifact": f"incoming:{folder.name}", "first": first}
        answer = self.post(name, "/v1/updates", {**body, "trainer": trainer}, service=service)
        if not answer.is_success:
            return None
        update = answer.json()["id"]
        self.world.remember_files(update, folder)
        return update

    def evaluate_as(self, name, update, *, service=0):
        """Evaluate, and wait for the end where the service does not."""
        etag, _seen = self.look(name, update, service=service)
        answer = self.post(name, f"/v1/updates/{update}/runs", etag=etag, service=service)
        while answer.status_code == 202 and self.world.reader.state_of(update) in ("SUBMITTED", "EVALUATING"):
            time.sleep(0.002)
        return answer

    def decide_as(self, name, update, action="approve", *, old=False, service=0, key=None):
        """Agree to an update, or refuse it."""
        etag, seen = self.look(name, update, old=old, service=service)
        path = f"/v1/updates/{update}"
        envelopes = self.envelopes(name, path, action, service=service) or ["{}"]
        body = {"envelope": envelopes[0], "seen": seen, "comment": ""}
        return self.post(name, f"{path}/{action}", body, etag=etag, service=service, key=key)

    def withdraw_as(self, name, update, *, service=0):
        etag, seen = self.look(name, update, service=service)
        return self.post(name, f"/v1/updates/{update}/withdraw", {"seen": seen}, etag=etag, service=service)

    def promote_as(self, name, update, *, old=False, service=0, key=None):
        """Carry out what was approved."""
        etag, seen = self.look(name, update, old=old, service=service)
        body = {"seen": seen}
        return self.post(name, f"/v1/updates/{update}/promote", body, etag=etag, service=service, key=key)

    def roll_back_as(self, name, *, service=0):
        found = self.world.person("ola", service).get(f"/v1/models/{MODEL}")
        envelopes = self.envelopes(name, f"/v1/models/{MODEL}", "rollback", service=service) or ["{}"]
        body = {"envelopes": envelopes}
        etag = found.headers.get("ETag")
        return self.post(name, f"/v1/models/{MODEL}/rollback", body, etag=etag, service=service)

    def ask_as(self, name, update, action, *, service=0, signed=None, **more):
        """Ask for the anchor, a break of the glass, a review, or revoke; return the answer."""
        etag, _seen = self.look(name, update, service=service)
        path, signed = f"/v1/updates/{update}", signed or {}
        envelopes = self.envelopes(name, path, action, service=service, **signed) or ["{}"]
        body = {"envelopes": envelopes[:2], **signed, **more}
        return self.post(name, f"{path}/{action}", body, etag=etag, service=service)

    def break_as(self, name, update, hours):
        return self.ask_as(
            name, update, "break-glass", signed={"hours": hours}, incident="INC-1", justification="because"
        )

    def answer_as(self, name, request, action="approve", *, service=0):
        """Agree to a request, or refuse it."""
        path = f"/v1/requests/{request}"
        etag = self.world.person("ola", service).get(path).headers.get("ETag")
        envelopes = self.envelopes(name, path, action, service=service) or ["{}"]
        return self.post(name, f"{path}/{action}", {"envelopes": envelopes[:2]}, etag=etag, service=service)

    def at_a_terminal(self, name, act, *about, **more):
        """Do something with the commands' own functions, beside the service."""
        if name in self.world.people:
            self.acted.add(name)
        with suppress(GatekeeperError):
            return act(self.world.workspace, *about, person=name, policy=self.world.applied, key=key_of(name), **more)

    def as_requested(self, answer):
        """Return the id of a request that was opened, or ``None``."""
        return answer.json()["id"] if answer.is_success else None


NAMES = tuple(PEOPLE)
