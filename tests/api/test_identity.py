"""A token gives what its holder may do now, and nothing when it does not count."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from people import PEOPLE, notary, person
from quick_world import quick_workspace
from service_world import Person, World, as_json, token_for

from api.settings import LoneUser
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.store import people as stored_people
from gatekeeper.store import tokens


def with_people(workspace, tmp_path, policy, **changed):
    """The workspace after principals.toml was changed; ``None`` takes somebody out."""
    named = {name: each for name, each in {**PEOPLE, **changed}.items() if each is not None}
    signs = notary(tmp_path, workspace.registry.id, policy, people=named)
    return dataclasses.replace(workspace, principals=named, notary=signs)


def test_a_token_is_long_random_and_kept_by_its_digest_alone(world):
    token = world.dana.token

    with world.workspace.store.reading() as session:
        row = tokens.find(session, token)
    assert token.startswith("gk_")
    assert len(token) == len("gk_") + 43
    assert row.digest == sha256_bytes(token.encode())
    assert token.encode() not in (world.root / "gatekeeper.db").read_bytes()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer gk_nobody", id="unknown"),
        pytest.param("Bearer", id="empty"),
        pytest.param("Basic ZGFuYTpkYW5h", id="another-scheme"),
        pytest.param("Bearer " + "a" * 10_000, id="long"),
        pytest.param("Bearer gk_\u00e9", id="not-ascii"),
    ],
)
def test_what_is_no_token_does_not_count(world, header):
    answered = world.client.get("/v1/me", headers={"Authorization": header.encode()})

    assert as_json(answered) == (401, "no-token")


def test_an_expired_token_does_not_count(world):
    long_ago = datetime.now(UTC) - timedelta(days=2)
    late = Person(world.client, token_for(world.workspace, "dana", "approver", now=long_ago), "dana")

    assert as_json(late.get("/v1/me")) == (401, "no-token")


def test_a_revoked_token_does_not_count(world):
    assert world.dana.get("/v1/me").status_code == 200

    with world.workspace.store.transaction() as session:
        tokens.revoke(session, tokens.find(session, world.dana.token).id, now=datetime.now(UTC))

    assert as_json(world.dana.get("/v1/me")) == (401, "no-token")


def test_whoever_left_the_project_is_nobody(world, tmp_path, policy):
    after = World(with_people(world.workspace, tmp_path, policy, dana=None), tmp_path, policy, roles={})
    gone = Person(after.client, world.dana.token, "dana")

    assert as_json(gone.get("/v1/me")) == (401, "no-token")


def test_whoever_lost_a_role_lost_it_here_at_once(world, tmp_path, policy):
    changed = with_people(world.workspace, tmp_path, policy, dana=person("dana", "auditor"))
    after = World(changed, tmp_path, policy, roles={})
    demoted = Person(after.client, world.dana.token, "dana")

    assert as_json(demoted.get("/v1/updates")) == (403, "not-allowed")


def test_a_token_gives_no_more_than_it_was_made_for(world):
    narrow = Person(world.client, token_for(world.workspace, "ada", "auditor"), "ada")

    assert as_json(narrow.get("/v1/me")) == (403, "not-allowed")


def test_whoever_was_erased_is_nobody(world):
    with world.workspace.store.transaction() as session:
        stored_people.erase(session, tokens.find(session, world.ola.token).holder)

    assert as_json(world.ola.get("/v1/me")) == (401, "no-token")


def test_the_last_use_is_written_down_once_a_minute(world):
    world.ola.get("/v1/me")
    with world.workspace.store.reading() as session:
        first = tokens.find(session, world.ola.token).last_used
    world.ola.get("/v1/me")
    with world.workspace.store.reading() as session:
        again = tokens.find(session, world.ola.token).last_used

    assert first is not None
    assert first == again


def test_an_approver_of_one_domain_decides_where_the_policy_names_it(tmp_path, registry, policy):
    safety = dataclasses.replace(policy, approvals=dataclasses.replace(policy.approvals, roles=("safety",)))
    people = {
        **PEOPLE,
        "sam": person("sam", "safety"),
        "pat": person("pat", "privacy"),
        "sue": person("sue", "safety"),
    }
    workspace = quick_workspace(tmp_path, registry, policies=(safety,), people=people)
    world = World(workspace, tmp_path, safety)
    sam, pat, sue = (
        Person(world.client, token_for(workspace, name, f"approver:{domain}"), name)
        for name, domain in (("sam", "safety"), ("pat", "privacy"), ("sue", "safety"))
    )
    update = world.judged(first=True)

    outside = pat.decide(update)
    inside = [person.decide(update) for person in (sam, sue)]

    assert as_json(outside) == (403, "not-allowed")
    assert [each.status_code for each in inside] == [200, 200]
    assert inside[-1].json()["state"] == "APPROVED"
    workspace.store.close()


def test_the_lone_user_is_who_the_project_says_they_are(workspace, tmp_path, policy):
    token = tokens.new_token()
    lone = LoneUser(person="zelda", digest=sha256_bytes(token.encode()))
    world = World(workspace, tmp_path, policy, roles={}, lone=lone)
    me = Person(world.client, token, "zelda")

    assert me.get("/v1/me").json() == {"name": "zelda", "token": "lone", "roles": ["auditor", "submitter"]}
    assert as_json(me.post("/v1/updates/upd-0/approve", {})) == (403, "not-allowed")


def test_a_token_that_is_used_too_often_waits(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, reads_per_minute=3, writes_per_minute=1)

    read = [world.ola.get("/v1/me").status_code for _ in range(4)]
    written = [world.zelda.post("/v1/updates", {}).status_code for _ in range(2)]

    assert read == [200, 200, 200, 429]
    assert written == [422, 429]
    assert world.ola.get("/v1/me").headers["Retry-After"] == "60"
    assert world.dana.get("/v1/me").status_code == 200


def test_an_address_that_guesses_tokens_waits(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, failures_per_minute=2)

    guessed = [world.client.get("/v1/me").status_code for _ in range(3)]

    assert guessed == [401, 401, 429]
    assert world.ola.get("/v1/me").status_code == 200
