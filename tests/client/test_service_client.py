"""The client does what a careful person would: sign what was seen and nothing else, and repeat without doing twice."""

import json

import httpx
import pytest
from people import key_of
from quick_world import MODEL, quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World
from sqlalchemy import update as change

from api.payloads import ProposalIn
from audits.passport.decision import read_decision
from gatekeeper.client import Client, Refused
from gatekeeper.core.errors import InputError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.store.tables import UpdateRow

WRONG = "sha256:" + "0" * 64


@pytest.fixture
def world(tmp_path):
    policy = quick_policy()
    workspace = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(policy,))
    yield World(workspace, tmp_path, policy)
    workspace.store.close()


class Wire(httpx.BaseTransport):
    """Carries requests into the application, and can lose or change what comes back."""

    def __init__(self, world):
        self.world = world
        self.sent = []
        self.lose = 0
        self.change = lambda path, body: body

    def handle_request(self, request):
        body = request.read()
        self.sent.append((request.method, request.url.path, dict(request.headers), body))
        answered = self.world.client.request(
            request.method, str(request.url), headers=dict(request.headers), content=body
        )
        if self.lose:
            self.lose -= 1
            raise httpx.ReadError("The connection broke.")
        changed = self.change(request.url.path, answered.content)
        return httpx.Response(
            answered.status_code,
            headers={name: answered.headers[name] for name in ("etag", "content-type") if name in answered.headers},
            content=changed,
        )


@pytest.fixture
def wire(world):
    return Wire(world)


@pytest.fixture
def as_person(world, wire):
    def make(name):
        http = httpx.Client(base_url="http://gate.test", transport=wire)
        return Client("http://gate.test", world.people[name].token, http=http, wait=lambda seconds: None)

    return make


def test_the_whole_way_is_a_few_lines(world, as_person):
    zelda, dana, kim = (as_person(name) for name in ("zelda", "dana", "kim"))

    update = zelda.propose(
        ProposalIn(model=MODEL, name="first", artifact=f"incoming:{world.folder().name}", first=True)
    )
    zelda.run(zelda.update(update.id))
    dana.approve(dana.update(update.id), key_of("dana"), comment="fine")
    kim.approve(kim.update(update.id), key_of("kim"))
    promoted = kim.promote(kim.update(update.id))

    assert (promoted.version, promoted.aliases) == ("1", ["champion", "anchor"])
    assert [each.comment for each in dana.decisions(update.id)] == ["fine", None]
    assert dana.verdict(update.id).outcome == "ADMIT"
    assert dana.lineage(MODEL).champions[0].update == update.id
    assert [json.loads(each.leaf)["subject"] for each in dana.entries(subject=update.id)] == [update.id] * 12
    assert 0 < dana.proof(0).size <= dana.checkpoint().size


def test_going_back_and_revoking_are_signed_here(world, as_person):
    world.live()
    second = world.updated()
    dana = as_person("dana")

    revoked = dana.revoke(dana.update(second), key_of("dana"), reason="wrong rows")

    assert (revoked.update, revoked.live) == (second, "1")
    assert dana.update(second).value.state == "REVOKED"


def test_pages_are_turned_until_the_last(world, as_person):
    made = [world.proposed(first=True) for _ in range(3)]

    assert [each.id for each in as_person("ola").updates(proposer="zelda")] == made[::-1]


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_done_twice(world, wire, as_person):
    zelda = as_person("zelda")
    wire.lose = 2

    update = zelda.propose(
        ProposalIn(model=MODEL, name="once", artifact=f"incoming:{world.folder().name}", first=True)
    )

    assert [each.id for each in zelda.updates()] == [update.id]
    assert len({headers["idempotency-key"] for method, _, headers, _ in wire.sent if method == "POST"}) == 1


def test_a_service_that_never_answers_is_an_error(wire, as_person):
    wire.lose = 100

    with pytest.raises(InputError, match="did not answer"):
        as_person("ola").me()
    assert len(wire.sent) == 4


def test_a_refusal_says_its_code_and_is_not_repeated(world, wire, as_person):
    with pytest.raises(Refused) as refused:
        as_person("ola").update("upd-0")

    assert (refused.value.status, refused.value.code) == (404, "not-found")
    assert refused.value.request_id
    assert len(wire.sent) == 1


def test_what_changed_since_it_was_seen_is_not_decided_about(world, as_person):
    update = world.judged(first=True)
    kim = as_person("kim")
    seen = kim.update(update)
    world.dana.decide(update)

    with pytest.raises(Refused) as refused:
        kim.approve(seen, key_of("kim"))

    assert refused.value.code == "changed"


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"update_digest": WRONG}, id="bytes"),
        pytest.param({"policy_digest": WRONG}, id="policy"),
        pytest.param({"evidence_digest": WRONG}, id="evidence"),
        pytest.param({"update": "upd-0000000000000000"}, id="another-update"),
        pytest.param({"action": "rollback"}, id="another-action"),
        pytest.param({"decision": "approve"}, id="consent-for-refusal"),
        pytest.param({"model": "another"}, id="another-model"),
    ],
)
def test_nothing_is_signed_that_was_not_seen(world, wire, as_person, lie):
    update = world.judged(first=True)
    dana = as_person("dana")
    seen = dana.update(update)

    def change(path, body):
        if not path.endswith("/to-sign"):
            return body
        asked = json.loads(body)
        asked["decisions"] = [{**each, **lie} for each in asked["decisions"]]
        return json.dumps(asked).encode()

    wire.change = change
    with pytest.raises(VerificationError, match="asks for a signature"):
        dana.reject(seen, key_of("dana"))
    assert not any(method == "POST" for method, *_rest in wire.sent)


def test_nothing_but_going_back_is_signed_for_going_back(world, wire, as_person):
    world.live()
    second = world.updated()
    dana = as_person("dana")

    def change(path, body):
        return body.replace(b'"action":"rollback"', b'"action":"break-glass"')

    wire.change = change
    with pytest.raises(VerificationError):
        dana.rollback(dana.model(MODEL), key_of("dana"))
    with pytest.raises(VerificationError):
        dana.revoke(dana.update(second), key_of("dana"))


def test_two_people_move_the_anchor(world, as_person):
    world.live()
    second = world.updated()
    dana, kim = as_person("dana"), as_person("kim")

    asked = dana.anchor(dana.update(second), key_of("dana"), reason="a better start")
    agreed = kim.decide(kim.request(asked.id), key_of("kim"), agree=True)

    assert (asked.action, agreed.state) == ("anchor", "APPROVED")
    assert [each.id for each in kim.requests()] == [asked.id]
    assert kim.promote(kim.update(second)).aliases == ["anchor"]


def test_a_request_is_refused(world, as_person):
    world.live()
    second = world.updated()
    dana, kim = as_person("dana"), as_person("kim")
    asked = dana.anchor(dana.update(second), key_of("dana"))

    assert kim.decide(kim.request(asked.id), key_of("kim"), agree=False).state == "REFUSED"


def test_two_administrators_break_the_glass(world, as_person, tmp_path):
    world.live()
    update = world.judged()
    with world.workspace.store.transaction() as session:
        session.execute(change(UpdateRow).where(UpdateRow.id == update).values(state=State.BLOCKED))
    ada, abe = as_person("ada"), as_person("abe")

    asked = ada.break_glass(ada.update(update), key_of("ada"), incident="INC-1", justification="now", hours=2)
    agreed = abe.decide(abe.request(asked.id), key_of("abe"), agree=True)

    assert (asked.given, agreed.given, agreed.state) == (1, 2, "APPROVED")
    assert ada.update(update).value.state == "BREAK_GLASS"


def test_another_request_is_not_signed(world, wire, as_person):
    world.live()
    second = world.updated()
    dana, kim = as_person("dana"), as_person("kim")
    asked = dana.anchor(dana.update(second), key_of("dana"))
    seen = kim.request(asked.id)

    wire.change = lambda path, body: body.replace(asked.id.encode(), b"req-0000000000000000")
    with pytest.raises(VerificationError, match="another request"):
        kim.decide(seen, key_of("kim"), agree=True)


def test_an_answer_of_another_shape_is_an_error(wire, as_person):
    wire.change = lambda path, body: b"{}"

    with pytest.raises(InputError, match="shape"):
        as_person("ola").me()


def test_a_private_key_never_travels(world, wire, as_person):
    update = world.judged(first=True)
    dana = as_person("dana")
    dana.approve(dana.update(update), key_of("dana"))

    sent = b"".join(body for *_rest, body in wire.sent)
    envelope = json.loads(next(body for _, path, _, body in wire.sent if path.endswith("/approve")))["envelope"]
    assert key_of("dana").private_bytes_raw() not in sent
    assert read_decision(envelope, [world.workspace.principals["dana"].key])[0].update == update
