"""The client on the way to a decision: sends files, has updates evaluated, accepts and sends back what it saw."""

import hashlib
import io
import json
import struct
import zipfile

import httpx
import pytest
from gallery_world import WAIVERS, gallery
from people import key_of

from api.payloads import ProposalIn
from gatekeeper.client import Client, Refused
from gatekeeper.core.errors import StateError, UsageError, VerificationError
from gatekeeper.pipeline.uploads.depot import Depot

ROWS = "data/private/rows"
WRONG = "sha256:" + "0" * 64
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()


@pytest.fixture
def world(tmp_path):
    made = gallery(tmp_path, WAIVERS, depot=Depot(incoming=tmp_path / "incoming"))
    made.live()
    yield made
    made.workspace.store.close()


@pytest.fixture
def as_person(world):
    def make(name, change=lambda path, body: body):
        def carry(request):
            answered = world.client.request(
                request.method, str(request.url), headers=dict(request.headers), content=request.read()
            )
            headers = {key: answered.headers[key] for key in ("etag", "content-type") if key in answered.headers}
            return httpx.Response(
                answered.status_code, headers=headers, content=change(request.url.path, answered.content)
            )

        http = httpx.Client(base_url="http://gate.test", transport=httpx.MockTransport(carry))
        return Client("http://gate.test", world.people[name].token, http=http, wait=lambda seconds: None)

    return make


@pytest.fixture
def review(world):
    return world.update("private rows", private=[["row-3", "holds an address"]])


def packed(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", json.dumps({"model_type": "quick"}))
        archive.writestr("model.safetensors", struct.pack("<Q", len(HEADER)) + HEADER + b"\x00" * 4)
    file = folder / "adapter.zip"
    file.write_bytes(stream.getvalue())
    return file


def test_an_archive_is_sent_proposed_and_evaluated(as_person, tmp_path):
    zelda = as_person("zelda")
    file = packed(tmp_path)

    sent = zelda.upload(file, kind="artifact")
    update = zelda.propose(ProposalIn(model="quick", name="sent", artifact=sent.reference))
    judged = zelda.run(zelda.update(update.id))

    assert sent.digest == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    assert judged.outcome == "ADMIT"
    assert [each.digest for each in zelda.uploads().items] == [sent.digest]
    assert zelda.remove_upload(sent.digest).digest == sent.digest
    assert zelda.uploads().items == []


def test_a_file_that_does_not_say_what_it_is_stays_here(as_person, tmp_path):
    (tmp_path / "adapter.rar").write_bytes(b"x")

    with pytest.raises(UsageError):
        as_person("zelda").upload(tmp_path / "adapter.rar", kind="artifact")
    with pytest.raises(Refused) as refused:
        as_person("zelda").upload(tmp_path / "adapter.rar", kind="artifact", packed="zip")
    assert refused.value.status == 422


def test_what_was_seen_is_sent_back_and_answered(world, as_person):
    update = world.update("to change")
    dana, zelda = as_person("dana"), as_person("zelda")

    back = dana.request_changes(dana.update(update), key_of("dana"), comment="Leave the tickets out.")
    answer = zelda.propose(
        ProposalIn(model="quick", name="again", artifact=f"incoming:{world.folder().name}", answers=update)
    )

    assert back.state == "CHANGES_REQUESTED"
    assert zelda.update(update).value.answered_by == answer.id


def test_a_finding_is_accepted_as_it_was_seen(world, as_person, review):
    for who in ("ada", "abe"):
        gate = as_person(who)
        accepted = gate.waive(gate.update(review), ROWS, key_of(who), because="Our own.", days=2)

    assert (accepted.given, accepted.update.outcome) == (2, "ADMIT")
    assert [each.counts for each in as_person("ola").waivers(review).items] == [True, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", "promote"),
        ("decision", "reject"),
        ("update", "upd-0000000000000000"),
        ("model", "another"),
        ("request", f"{ROWS} {WRONG}"),
        ("update_digest", WRONG),
        ("policy_digest", WRONG),
        ("evidence_digest", WRONG),
    ],
)
def test_nothing_else_than_what_was_seen_is_signed(world, as_person, review, name, value):
    def change(path, body):
        if not path.endswith("/to-sign"):
            return body
        said = json.loads(body)
        said["decisions"][0][name] = value
        return json.dumps(said).encode()

    ada = as_person("ada", change)

    with pytest.raises(VerificationError, match="Nothing was signed"):
        ada.waive(ada.update(review), ROWS, key_of("ada"), because="Our own.")
    assert as_person("ola").waivers(review).items == []


def test_an_evaluation_that_was_ended_is_no_verdict(world, as_person):
    zelda = as_person("zelda")
    update = world.proposed()
    runner = world.app.state.service.runner
    original = runner.start

    def ended(*arguments):
        run_id = original(*arguments)
        runner.cancel(world.workspace, run_id)
        return run_id

    with runner._turn:  # nothing begins before its end was asked for
        runner.start = ended
        begun = zelda.start(zelda.update(update))
    runner.start = original

    while zelda.run_state(update, begun.id).state in {"QUEUED", "RUNNING"}:
        pass
    assert zelda.run_state(update, begun.id).state == "CANCELLED"
    assert zelda.cancel(update, begun.id).state == "CANCELLED"


def test_an_evaluation_that_fails_says_why(world, as_person):
    zelda = as_person("zelda")
    update = world.proposed()

    def down(step):
        from gatekeeper.core.errors import RegistryError

        if step == "log":
            raise RegistryError("It is down.")

    world.workspace.registry.before = down

    with pytest.raises(StateError, match="It is down"):
        zelda.run(zelda.update(update))
