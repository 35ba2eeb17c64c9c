"""A request that comes twice under one key does nothing twice."""

import threading
from datetime import timedelta

from fastapi.testclient import TestClient
from service_world import Person, World, as_json
from sqlalchemy import select

from gatekeeper.core.errors import RegistryError
from gatekeeper.pipeline.erase import erase_texts_about
from gatekeeper.pipeline.turns import turn
from gatekeeper.store import approvals, listing
from gatekeeper.store.tables import AnswerRow


def counted(world):
    with world.workspace.store.reading() as session:
        return len(listing.updates_page(session, limit=100))


def test_the_same_request_gets_the_same_answer(world):
    folder = world.folder()

    first = world.zelda.propose(folder, first=True, key="once")
    again = world.zelda.propose(folder, first=True, key="once")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["ETag"] == again.headers["ETag"]
    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert counted(world) == 1


def test_another_request_under_the_same_key_is_refused(world):
    world.zelda.propose(world.folder(), first=True, key="once")

    other = world.zelda.propose(world.folder(), first=True, key="once")

    assert as_json(other) == (422, "key-used")
    assert counted(world) == 1


def test_keys_of_different_people_have_nothing_to_do_with_each_other(world):
    update = world.judged(first=True)

    given = [person.decide(update, key="once").status_code for person in (world.dana, world.kim)]

    assert given == [200, 200]


def test_a_lost_answer_is_found_again_after_the_update_has_moved_on(world):
    update = world.judged(first=True)
    etag, seen = world.dana.seen(update)
    (decision,) = world.dana.get(f"/v1/updates/{update}/to-sign").json()["decisions"]
    body = {"envelope": world.dana.sign(decision), "seen": seen}
    path = f"/v1/updates/{update}/approve"

    first = world.dana.post(path, body, etag=etag, key="approve-1")
    world.kim.decide(update)
    again = world.dana.post(path, body, etag=etag, key="approve-1")

    assert first.content == again.content
    with world.workspace.store.reading() as session:
        assert len(approvals.of_update(session, update)) == 2


def test_a_conflict_is_kept_too(world):
    update = world.judged(first=True)
    world.dana.decide(update, "reject")
    etag, seen = world.ada.seen(update)

    first = world.ada.post(f"/v1/updates/{update}/promote", {"seen": seen}, etag=etag, key="k")
    again = world.ada.post(f"/v1/updates/{update}/promote", {"seen": seen}, etag=etag, key="k")

    assert as_json(first) == (409, "state")
    assert first.content == again.content
    assert again.headers["content-type"] == "application/problem+json"


def test_a_promotion_that_came_while_another_went_on_can_be_tried_again(world):
    world.live()
    update = world.judged()
    world.dana.decide(update)
    etag, seen = world.ada.seen(update)
    path = f"/v1/updates/{update}/promote"

    with turn(world.workspace.lock_file) as mine:  # as another process holds it
        busy = world.ada.post(path, {"seen": seen}, etag=etag, key="once")
    free = world.ada.post(path, {"seen": seen}, etag=etag, key="once")

    assert mine
    assert as_json(busy) == (409, "conflict")
    assert free.status_code == 200


def test_what_could_not_be_done_for_now_can_be_tried_again(world, registry):
    folder = world.folder()

    def fail(step):
        raise RegistryError("It is down.")

    registry.before = fail
    down = world.zelda.propose(folder, first=True, key="once")
    registry.before = lambda step: None
    up = world.zelda.propose(folder, first=True, key="once")

    assert as_json(down) == (503, "registry")
    assert up.status_code == 201


def test_a_kept_answer_is_forgotten_with_whom_it_names(world):
    update = world.judged(first=True)
    world.dana.decide(update, comment="dana says so", key="once")
    kept = select(AnswerRow).where(AnswerRow.key == "once")
    with world.workspace.store.reading() as session:
        assert session.scalars(kept).one().body

    erase_texts_about(world.workspace, update, by="ada")

    with world.workspace.store.reading() as session:
        assert session.scalars(kept).all() == []
    approval = world.ola.get(f"/v1/updates/{update}/approvals").json()["items"][0]
    assert approval["comment"] is None


def test_an_answer_is_forgotten_after_its_time(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, answers_kept=timedelta(0))
    folder = world.folder()

    first = world.zelda.propose(folder, first=True, key="once")
    again = world.zelda.propose(folder, first=True, key="once")

    assert first.json()["id"] != again.json()["id"]


def test_of_many_that_come_at_once_one_does_it(world):
    folder = world.folder()
    start = threading.Barrier(8)
    answered = []

    def propose():
        own = Person(TestClient(world.app, raise_server_exceptions=False), world.zelda.token, "zelda")
        start.wait()
        answered.append(own.propose(folder, first=True, key="once"))

    threads = [threading.Thread(target=propose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    done = [each for each in answered if each.status_code == 201]
    rest = [as_json(each) for each in answered if each.status_code != 201]
    assert counted(world) == 1
    assert len({each.content for each in done}) == 1
    assert set(rest) <= {(409, "in-progress")}
    assert world.zelda.propose(folder, first=True, key="once").content == done[0].content


def test_of_many_promotions_that_race_one_is_made(world, registry):
    world.live()
    update = world.judged()
    world.dana.decide(update)
    etag, seen = world.ada.seen(update)
    start = threading.Barrier(6)
    answered = []

    def promote():
        own = Person(TestClient(world.app, raise_server_exceptions=False), world.ada.token, "ada")
        start.wait()
        answered.append(own.post(f"/v1/updates/{update}/promote", {"seen": seen}, etag=etag).status_code)

    threads = [threading.Thread(target=promote) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answered) == [200, *[412] * 5]
    assert registry.aliases["quick"]["champion"] == "2"
