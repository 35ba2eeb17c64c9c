"""Files sent to be proposed: taken in whole or not at all, one's own, within limits, and gone without a trace."""

import asyncio
import hashlib
import io
import json
import struct
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from service_world import World, as_json
from sqlalchemy import update as change

from gatekeeper.intake.archives import ArchiveLimits
from gatekeeper.pipeline.uploads.depot import Depot
from gatekeeper.pipeline.uploads.keep import sweep
from gatekeeper.store import entries, updates, uploads
from gatekeeper.store.tables import UploadRow

HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
TENSORS = struct.pack("<Q", len(HEADER)) + HEADER + b"\x00" * 4
ROWS = b'{"text": "a row"}\n{"text": "another row"}\n'


def archive(**more):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in {"config.json": b'{"model_type": "quick"}', "model.safetensors": TENSORS, **more}.items():
            made.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


@pytest.fixture
def depot(tmp_path):
    return Depot(
        incoming=tmp_path / "incoming",
        most_bytes=1 << 16,
        archive=ArchiveLimits(most_files=8, most_bytes=1 << 18, most_ratio=50),
        most_held=1 << 18,
        most_uploads=3,
    )


@pytest.fixture
def taking(workspace, tmp_path, policy, depot):
    """A service that takes files."""
    return World(workspace, tmp_path, policy, depot=depot)


def send(who, data, *, packed="zip", kind="artifact", digest=None, key=None, **headers):
    known = digest or "sha256:" + hashlib.sha256(data).hexdigest()
    more = {"Content-Type": "application/octet-stream", **headers, **({"Idempotency-Key": key} if key else {})}
    return who.call(
        "POST", "/v1/uploads", params={"digest": known, "format": packed, "kind": kind}, content=data, headers=more
    )


def files(depot):
    return sorted(
        path.relative_to(depot.root).as_posix()
        for path in depot.root.rglob("*")
        if path.is_file() and path.name != "lock"
    )


def left(depot):
    """Everything that lies there, folders among it."""
    return [path for path in depot.root.rglob("*") if path.name not in {"lock", "drafts", "kept"}]


def test_what_was_sent_is_proposed_by_its_digest(taking, depot, workspace):
    sent, rows = send(taking.zelda, archive()), send(taking.zelda, ROWS, packed="jsonl", kind="rows")

    proposed = taking.zelda.post(
        "/v1/updates",
        {
            "model": "quick",
            "name": "sent",
            "artifact": sent.json()["reference"],
            "data": rows.json()["reference"],
            "first": True,
        },
    )

    assert (sent.status_code, rows.status_code, proposed.status_code) == (201, 201, 201)
    assert sent.json()["files"] == 2
    with workspace.store.reading() as session:
        row = updates.require(session, proposed.json()["id"])
        kinds = [(each.subject, each.type) for each in entries.of_type(session, "upload.kept")]
    assert row.data_digest == "sha256:" + hashlib.sha256(ROWS).hexdigest()
    assert kinds == [(sent.json()["digest"], "upload.kept"), (rows.json()["digest"], "upload.kept")]
    assert taking.zelda.run(proposed.json()["id"]).json()["outcome"] == "ADMIT"


def test_removal_leaves_no_file_and_no_proposal_without_its_copy(taking, depot):
    sent = send(taking.zelda, archive()).json()
    body = {"model": "quick", "name": "sent", "artifact": sent["reference"], "first": True}
    proposed = taking.zelda.post("/v1/updates", body).json()["id"]

    removed = taking.zelda.post(f"/v1/uploads/{sent['digest']}/remove")

    assert removed.status_code == 200
    assert left(depot) == []
    assert as_json(taking.zelda.post(f"/v1/uploads/{sent['digest']}/remove")) == (404, "not-found")
    assert as_json(taking.zelda.post("/v1/updates", body)) == (422, "payload")
    assert taking.zelda.run(proposed).status_code == 201


@pytest.mark.parametrize(
    ("data", "more", "code"),
    [
        pytest.param(archive(), {"digest": "sha256:" + "0" * 64}, (409, "verification"), id="another-digest"),
        pytest.param(archive(), {"digest": "sha256:0"}, (422, "payload"), id="no-digest"),
        pytest.param(archive(), {"packed": "rar"}, (422, "payload"), id="unknown-format"),
        pytest.param(archive(), {"packed": "jsonl"}, (422, "payload"), id="format-of-rows"),
        pytest.param(archive(), {"packed": "tar"}, (422, "payload"), id="another-format"),
        pytest.param(archive(), {"packed": "zip", "kind": "rows"}, (422, "payload"), id="rows-in-a-zip"),
        pytest.param(archive(**{"../evil.md": b"x"}), {}, (422, "payload"), id="above"),
        pytest.param(archive(**{"run.py": b"x"}), {}, (422, "payload"), id="program"),
        pytest.param(archive(**{"README.md": b"\x00" * 300_000}), {}, (422, "payload"), id="too-much-inside"),
        pytest.param(b"", {}, (422, "payload"), id="nothing"),
        pytest.param(b"x" * (1 << 17), {}, (413, "too-large"), id="too-long"),
        pytest.param(b"not rows", {"packed": "jsonl", "kind": "rows"}, (422, "payload"), id="no-rows"),
        pytest.param(b"PAR1 not", {"packed": "parquet", "kind": "rows"}, (422, "payload"), id="no-parquet"),
        pytest.param(archive(), {"Content-Type": "multipart/form-data"}, (422, "payload"), id="a-form"),
    ],
)
def test_what_is_refused_leaves_nothing(taking, depot, data, more, code):
    headers = {name: more.pop(name) for name in list(more) if name == "Content-Type"}

    assert as_json(send(taking.zelda, data, **more, **headers)) == code

    assert not depot.root.exists() or left(depot) == []
    assert taking.zelda.get("/v1/uploads").json()["items"] == []


def arriving(world, then):
    """Send the beginning of an upload, and then what ``then`` gives; return the status of the answer."""
    digest = "sha256:" + hashlib.sha256(archive()).hexdigest()
    answered = []

    async def call():
        parts = iter([{"type": "http.request", "body": archive()[:100], "more_body": True}])

        async def receive():
            return next(parts, None) or await then()

        async def send_back(message):
            answered.append(message)

        await world.app(
            {
                "type": "http",
                "method": "POST",
                "path": "/v1/uploads",
                "raw_path": b"/v1/uploads",
                "query_string": f"digest={digest}&format=zip".encode(),
                "headers": [
                    (b"authorization", f"Bearer {world.zelda.token}".encode()),
                    (b"content-type", b"application/octet-stream"),
                ],
                "http_version": "1.1",
                "scheme": "http",
                "server": ("gate.test", 80),
                "client": ("127.0.0.1", 1),
            },
            receive,
            send_back,
        )

    asyncio.run(call())
    return answered[0]["status"]


def test_an_upload_that_breaks_off_leaves_nothing(taking, depot):
    async def gone():
        return {"type": "http.disconnect"}

    assert arriving(taking, gone) == 422
    assert left(depot) == []
    assert send(taking.zelda, archive()).status_code == 201


def test_an_upload_that_takes_too_long_leaves_nothing(workspace, tmp_path, policy, depot):
    world = World(workspace, tmp_path, policy, depot=depot, upload_seconds=0.05)

    async def silent():
        await asyncio.Event().wait()

    assert arriving(world, silent) == 422
    assert left(depot) == []


def test_somebody_elses_upload_cannot_be_seen_named_or_removed(taking, depot):
    from service_world import Person, token_for

    sent = send(taking.zelda, archive()).json()
    robot = Person(taking.client, token_for(taking.workspace, "dana", "submitter"), "dana")
    folder = f"incoming:.uploads/kept/{sent['digest'].removeprefix('sha256:')}/artifact"
    body = {"model": "quick", "name": "x", "first": True}

    assert robot.get("/v1/uploads").status_code == 403
    for named in (folder, "incoming:.uploads", "incoming:.", "upload:sha256:" + "0" * 64):
        assert as_json(taking.zelda.post("/v1/updates", {**body, "artifact": named})) == (422, "payload")
    assert as_json(
        taking.zelda.post("/v1/updates", {**body, "artifact": sent["reference"], "data": sent["reference"]})
    ) == (
        422,
        "payload",
    )


def test_the_same_bytes_of_two_people_lie_there_once_until_both_are_gone(workspace, tmp_path, policy, depot):
    import dataclasses

    from people import PEOPLE, person
    from service_world import ROLES

    people = {**PEOPLE, "kim": person("kim", "submitter")}
    world = World(
        dataclasses.replace(workspace, principals=people),
        tmp_path,
        policy,
        roles={**ROLES, "kim": ("submitter",)},
        depot=depot,
    )
    digest = send(world.zelda, archive()).json()["digest"]
    assert send(world.kim, archive()).status_code == 201

    world.zelda.post(f"/v1/uploads/{digest}/remove")
    still = world.kim.get("/v1/uploads").json()["items"]
    lies = files(depot)
    world.kim.post(f"/v1/uploads/{digest}/remove")

    assert [each["digest"] for each in still] == [digest]
    assert len(lies) == 2
    assert left(depot) == []


def test_nobody_holds_more_than_their_share(taking, depot):
    for number in range(3):
        assert send(taking.zelda, archive(NOTICE=b"%d" % number)).status_code == 201

    assert as_json(send(taking.zelda, archive(NOTICE=b"four"))) == (409, "state")
    assert taking.zelda.get("/v1/uploads").json()["most_uploads"] == 3
    assert len(files(depot)) == 9


def test_what_nobody_proposed_in_time_is_removed(taking, depot, workspace):
    digest = send(taking.zelda, archive()).json()["digest"]
    draft = depot.drafts / "draft-of-a-dead-process"
    draft.mkdir(parents=True)

    assert sweep(workspace, depot) == ()
    assert sweep(workspace, depot, now=datetime.now(UTC) + timedelta(hours=25)) == (digest,)

    assert left(depot) == []
    with workspace.store.reading() as session:
        assert uploads.everything(session) == []
        assert [json.loads(each.leaf)["data"]["why"] for each in entries.of_type(session, "upload.removed")] == [
            "expired"
        ]


def test_an_upload_whose_time_is_over_cannot_be_proposed(taking, workspace):
    sent = send(taking.zelda, archive()).json()
    with workspace.store.transaction() as session:
        session.execute(change(UploadRow).values(expires=datetime.now(UTC) - timedelta(seconds=1)))

    answered = taking.zelda.post(
        "/v1/updates", {"model": "quick", "name": "x", "artifact": sent["reference"], "first": True}
    )

    assert as_json(answered) == (422, "payload")


def test_the_same_request_twice_is_one_upload(taking, depot):
    first, again = (send(taking.zelda, archive(), key="one") for _ in range(2))
    third = send(taking.zelda, archive())

    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert third.status_code == 201
    assert len(taking.zelda.get("/v1/uploads").json()["items"]) == 1
    assert as_json(send(taking.zelda, archive(NOTICE=b"x"), key="one")) == (422, "key-used")
    assert all(not path.name.startswith(("draft", "gone")) for path in left(depot))


def test_a_service_without_a_place_for_them_takes_none(world):
    assert as_json(send(world.zelda, archive())) == (409, "state")
    assert as_json(world.zelda.get("/v1/uploads")) == (409, "state")


def test_one_upload_of_a_person_arrives_at_a_time(taking):
    service = taking.app.state.service
    holder = taking.workspace

    with holder.store.reading() as session:
        zelda = holder.pseudonym(session, "zelda")
    with service.uploading(zelda):
        assert as_json(send(taking.zelda, archive())) == (503, "busy")
    assert send(taking.zelda, archive()).status_code == 201


def test_other_requests_stay_short(taking):
    answered = taking.client.post(
        "/v1/updates",
        content=b"x" * ((1 << 20) + 1),
        headers={"Authorization": f"Bearer {taking.zelda.token}", "Content-Type": "application/json"},
    )

    assert as_json(answered) == (413, "too-large")


def test_a_process_that_dies_between_place_and_row_leaves_nothing_that_counts(taking, depot, workspace, monkeypatch):
    from gatekeeper.pipeline.uploads import keep as stage

    def fall(*arguments, **more):
        raise OSError("the disk is full")

    monkeypatch.setattr(stage.uploads, "add", fall)
    answered = send(taking.zelda, archive())

    assert answered.status_code == 500
    assert left(depot) == []
