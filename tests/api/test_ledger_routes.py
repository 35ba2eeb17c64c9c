"""What the service says about the ledger can be checked without it."""

import json

from service_world import as_json

from audits.ledger.checkpoint import verified_checkpoint
from audits.ledger.merkle import leaf_hash, verify_consistency
from audits.ledger.tlog_proof import verify_proof


def trust(world):
    return world.workspace.notary.trust


def test_entries_are_what_was_hashed(world):
    update = world.live()

    page = world.ola.get("/v1/ledger/entries", params={"subject": update, "limit": 2}).json()

    for item in page["items"]:
        leaf = item["leaf"].encode()
        assert leaf_hash(leaf).hex() == item["leaf_hash"]
        assert (json.loads(leaf)["seq"], json.loads(leaf)["subject"]) == (item["seq"], update)
    rest = world.ola.get("/v1/ledger/entries", params={"first": page["next"], "subject": update}).json()
    assert len(page["items"]) + len(rest["items"]) == 12
    assert rest["next"] is None


def test_an_entry_is_proven_under_a_signed_checkpoint(world):
    world.live()

    proven = world.ola.get("/v1/ledger/entries/3/proof").json()

    checked = verify_proof(
        proven["proof"], origin=trust(world).origin, log_keys=trust(world).log_keys, witnesses=(), quorum=0
    )
    entry = world.ola.get("/v1/ledger/entries/3").json()
    assert checked.leaf.decode() == entry["leaf"]


def test_a_checkpoint_is_signed_and_stays_while_nothing_is_added(world):
    world.live()

    first = world.ola.get("/v1/ledger/checkpoint").json()
    again = world.ola.get("/v1/ledger/checkpoint").json()

    signed, _ = verified_checkpoint(
        first["note"], origin=trust(world).origin, log_keys=trust(world).log_keys, witnesses=(), quorum=0
    )
    assert first == again
    assert signed.size == first["size"]


def test_a_longer_ledger_begins_with_the_shorter_one(world):
    world.live()

    said = world.ola.get("/v1/ledger/consistency", params={"old": 5, "new": 12}).json()

    assert verify_consistency(
        old_size=5,
        new_size=12,
        old_root=bytes.fromhex(said["old_root"]),
        new_root=bytes.fromhex(said["new_root"]),
        proof=[bytes.fromhex(each) for each in said["proof"]],
    )


def test_an_empty_ledger_has_a_checkpoint(world):
    answered = world.ola.get("/v1/ledger/checkpoint")

    assert answered.json()["size"] == 0
    assert as_json(world.ola.get("/v1/ledger/entries/0")) == (404, "not-found")


def test_policies_are_told_by_their_digest(world, policy):
    from gatekeeper.core.digests import digest_of

    update = world.live()

    listed = world.ola.get("/v1/policies").json()["items"]
    told = world.ola.get(f"/v1/policies/{policy.digest}").json()

    assert listed == [{"name": "quick", "digest": policy.digest, "present": True}]
    assert digest_of(told["policy"]) == policy.digest
    assert world.ola.get(f"/v1/updates/{update}/verdict").json()["digests"]["policy_digest"] == policy.digest


def test_a_model_tells_its_champions(world):
    first = world.live()
    second = world.updated()

    told = world.ola.get("/v1/models/quick/lineage").json()

    assert [(each["update"], each["version"], each["kind"], each["previous"]) for each in told["champions"]] == [
        (first, "1", "certify", None),
        (second, "2", "promote", "1"),
    ]
    assert world.ola.get("/v1/models").json() == {"items": ["quick"]}
    assert world.ola.get("/v1/models/quick").json()["live"] == second
