"""A service for tests of every route in every state: somebody in every role, and things in every state."""

from contextlib import contextmanager

from installation import _POLICY
from people import PEOPLE, person
from quick_world import CATALOGUE, quick_workspace
from registry import FakeRegistry
from service_world import Person, World, token_for
from sqlalchemy import update as change

from api.permissions import Role
from gatekeeper.store import entries
from gatekeeper.store.tables import RequestRow, UpdateRow
from policies.load import policy_from_text

ROBOT = "robot"
HOLDERS = {
    Role.SUBMITTER: "zelda",
    Role.APPROVER: "kim",
    Role.AUDITOR: "ola",
    Role.ADMIN: "ada",
    Role.SERVICE: ROBOT,
}


class StateWorld(World):
    """A service whose policy admits few files and blocks many."""

    def blocked(self):
        """Propose more files than the policy lets through; return the update."""
        folder = self.folder()
        for number in range(3):
            (folder / f"more-{number}.txt").write_text("more")
        update = self.zelda.propose(folder).json()["id"]
        assert self.zelda.run(update).is_success
        return update

    def sign_for(self, who, path, action):
        """Return what somebody signs, as the service gives it to them."""
        asked = who.get(f"{path}/to-sign", params={"action": action})
        assert asked.status_code == 200, asked.text
        return [who.sign(each) for each in asked.json()["decisions"]]

    def ask(self, who, update, action, **more):
        """Ask for something about an update; return the request's id."""
        etag, _seen = who.seen(update)
        envelopes = self.sign_for(who, f"/v1/updates/{update}", action)
        made = who.post(f"/v1/updates/{update}/{action}", {"envelopes": envelopes, **more}, etag=etag)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    def answer(self, who, request, action="approve"):
        """Decide about a request; return the answer."""
        path = f"/v1/requests/{request}"
        etag = who.get(path).headers["ETag"]
        return who.post(f"{path}/{action}", {"envelopes": self.sign_for(who, path, action)}, etag=etag)

    def glass(self):
        """Ask to break the glass for a blocked update; return the request's id."""
        return self.ask(self.ada, self.blocked(), "break-glass", incident="INC-1", justification="because")

    def over_its_verdict(self):
        """Put a blocked update live over its verdict; return it."""
        update = self.blocked()
        request = self.ask(self.abe, update, "break-glass", incident="INC-1", justification="because")
        assert self.answer(self.ada, request).status_code == 200
        assert self.ada.promote(update).status_code == 200
        return update


@contextmanager
def everybody_in(root):
    """Give a service with a champion, one before it, and an update that people agreed to."""
    policy = policy_from_text(_POLICY % (1, 1), CATALOGUE)
    people = {**PEOPLE, ROBOT: person(ROBOT, "service")}
    registry = FakeRegistry(root=root / "registry")
    workspace = quick_workspace(root, registry, policies=(policy,), people=people)
    world = StateWorld(workspace, root, policy)
    world.people[ROBOT] = Person(world.client, token_for(workspace, ROBOT, "service"), ROBOT)
    world.live()
    world.updated()
    world.shared = world.judged()
    world.dana.decide(world.shared)
    yield world
    workspace.store.close()


def put(world, update, state):
    """Put an update into a state, whatever it takes."""
    with world.workspace.store.transaction() as session:
        session.execute(change(UpdateRow).where(UpdateRow.id == update).values(state=state))


def put_request(world, request, state):
    """Put a request into a state, whatever it takes."""
    with world.workspace.store.transaction() as session:
        session.execute(change(RequestRow).where(RequestRow.id == request).values(state=state))


def length(world):
    """Return how many entries the ledger has."""
    with world.workspace.store.reading() as session:
        return entries.size(session)
