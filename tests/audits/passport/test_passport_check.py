"""Every check of a passport, and every way around it that should not be one."""

import json
import random
from datetime import timedelta

import pytest
from passport_world import NOW, World, file, key

from audits.passport.check import NO_LIST
from audits.passport.dsse import public_text
from audits.passport.revocations import Revoked, place
from audits.passport.subject import Held
from gatekeeper.core.digests import canonical, sha256_bytes
from gatekeeper.core.errors import VerificationError


def refused(world, step, **changed):
    with pytest.raises(VerificationError) as caught:
        world.check(**changed)
    assert caught.value.message.startswith(f"{step}:"), caught.value.message
    return caught.value.message


def as_certify(world):
    world.kind, world.decided = "certify", [("ana", "certify"), ("bo", "certify")]


def as_anchor(world):
    world.kind, world.alias, world.request = "anchor", "anchor", "req-1"
    world.decided = [("ana", "anchor"), ("bo", "anchor")]


def as_rollback(world):
    world.kind, world.request = "rollback", "req-1"
    world.decided = [("ana", "promote"), ("bo", "rollback")]


def as_break_glass(world):
    world.kind, world.request, world.outcome = "break-glass", "req-1", "BLOCK"
    world.decided = [("cy", "break-glass"), ("di", "break-glass")]
    world.valid_until = NOW + timedelta(hours=72)


def as_review(world):
    world.kind, world.request, world.outcome = "review", "req-1", "BLOCK"
    world.decided = [("cy", "review"), ("di", "review")]


def test_a_passport_proves_what_it_was_issued_for(world):
    passport = world.check(where=world.where)

    assert passport.digest == world.own.digest
    assert (passport.binding.version, passport.approvals, passport.witnesses) == ("3", 1, 1)
    assert passport.notes == ()


@pytest.mark.parametrize("shape", [as_certify, as_anchor, as_rollback, as_break_glass, as_review])
def test_every_kind_of_move_has_its_passport(world, shape):
    shape(world)

    assert world.check().binding.kind == world.kind


def test_a_passport_holds_in_a_longer_log(world):
    world.before = 5

    assert world.check().checkpoint.size == 9


def test_no_changed_byte_is_accepted(world):
    text = world.passport()
    data = text.encode()
    draw = random.Random(7)  # noqa: S311 - which bytes are drawn is no secret

    for at in draw.sample(range(len(data)), 400):
        changed = bytearray(data)
        changed[at] ^= 1 << draw.randrange(7)
        with pytest.raises(VerificationError):
            world.check(changed.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + " ", id="space after it"),
        pytest.param(lambda text: text.replace('"v":1', '"v":1,"v":1'), id="a key twice"),
        pytest.param(lambda text: text[:-1] + ',"w":1}', id="a field more"),
        pytest.param(lambda text: text.replace('"v":1', '"v":NaN'), id="not a number"),
        pytest.param(lambda text: text.replace('"v":1', '"v":1.0'), id="another spelling"),
        pytest.param(lambda _: "[" * 100_000, id="deep nesting"),
        pytest.param(lambda _: " " * (9 << 20), id="a giant file"),
        pytest.param(lambda _: "\udc80", id="half a character"),
        pytest.param(lambda _: "1" * 5000, id="a giant number"),
    ],
)
def test_a_passport_in_another_shape_is_refused(world, change):
    refused(world, "signature", text=change(world.passport()))


def test_a_stranger_s_key_signs_no_passport(world):
    world.passport_key = key("stranger")

    refused(world, "signature")


def test_a_second_signature_is_refused(world):
    bundle = json.loads(world.passport())
    bundle["envelope"]["signatures"] *= 2

    refused(world, "signature", text=canonical(bundle).decode())


@pytest.mark.parametrize("path", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_changed_file_is_named(world, path):
    others = [each for each in world.own.entries if each.path not in {path, "base"}]

    assert f"{path} changed" in refused(
        world, "subject", subject=Held(own=world.on_base((*others, file(path, b"other"))), base=world.base)
    )


def test_missing_and_added_files_are_named(world):
    own = world.on_base((file("adapter_config.json", b"{}"), file("more.bin", b"")))

    message = refused(world, "subject", subject=Held(own=own, base=world.base))

    assert "adapter_model.safetensors is missing" in message
    assert "more.bin was added" in message


def test_a_changed_file_of_the_base_is_named(world):
    other = World()
    other.base = type(world.base)(entries=(file("config.json", b"{}"), file("model.safetensors", b"BASE")))
    own = other.on_base(tuple(each for each in world.own.entries if each.path != "base"))

    message = refused(world, "subject", subject=Held(own=own, base=other.base))

    assert "base: model.safetensors changed" in message


def test_another_digest_is_refused(world):
    refused(world, "subject", subject=sha256_bytes(b"other"))


@pytest.mark.parametrize("part", ["own", "base"])
def test_a_list_of_files_that_was_not_signed_is_refused(world, part):
    bundle = json.loads(world.passport())
    bundle["manifests"][part][0]["size"] += 1

    refused(world, "subject", text=canonical(bundle).decode())


def test_a_decision_cannot_be_left_out(world):
    world.decided = [("ana", "promote"), ("bo", "promote")]
    bundle = json.loads(world.passport())
    bundle["approvals"].pop()

    refused(world, "statement", text=canonical(bundle).decode())


@pytest.mark.parametrize("changed", [{"registries": ("mlflow:two",)}, {"protected": ("anchor",)}, {"origin": "other"}])
def test_another_place_is_refused(world, changed):
    refused(world, "verifier", trust=world.trust(**changed))


@pytest.mark.parametrize("part", ["registry", "model", "version", "alias"])
def test_a_passport_for_elsewhere_is_refused(world, part):
    import dataclasses

    refused(world, "verifier", where=dataclasses.replace(world.where, **{part: "other"}))


def test_an_unknown_policy_is_refused(world):
    refused(world, "policy", trust=world.trust(policies=()))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"decided": []}, id="nobody"),
        pytest.param({"required": 2}, id="too few"),
        pytest.param({"decided": [("ana", "promote"), ("ana", "promote")], "required": 2}, id="one person twice"),
        pytest.param(
            {
                "decided": [("ana", "promote"), ("bo", "promote")],
                "required": 2,
                "actors": {"bo": "person:" + "a" * 64, "ana": "person:" + "a" * 64},
            },
            id="one person, two keys",
        ),
        pytest.param({"submitter": "ana"}, id="whoever proposed it"),
        pytest.param({"decided": [("cy", "promote")]}, id="another role"),
        pytest.param({"decided": [("eve", "promote")]}, id="a stranger"),
        pytest.param({"actors": {"ana": "service:robot"}}, id="a service"),
        pytest.param({"expires": NOW}, id="run out"),
        pytest.param({"decision_says": {"decision": "reject"}}, id="a refusal"),
        pytest.param({"decision_says": {"alias": "anchor"}}, id="another alias"),
        pytest.param({"decision_says": {"model": "other"}}, id="another model"),
        pytest.param({"decision_says": {"action": "certify"}}, id="another action"),
        pytest.param({"decision_says": {"update": "upd-2"}}, id="another update"),
        pytest.param({"decision_says": {"run": "run-2"}}, id="another run"),
        pytest.param({"decision_says": {"request": "req-2"}}, id="a request"),
        pytest.param({"decision_says": {"update_digest": sha256_bytes(b"x")}}, id="other bytes"),
        pytest.param({"decision_says": {"evidence_digest": sha256_bytes(b"x")}}, id="other evidence"),
        pytest.param({"decision_says": {"policy_digest": sha256_bytes(b"x")}}, id="another policy"),
        pytest.param({"logged_says": {"key": "0" * 64}}, id="logged under another key"),
        pytest.param({"logged_says": {"envelope_digest": sha256_bytes(b"x")}}, id="another was logged"),
    ],
)
def test_too_little_agreement_is_refused(world, change):
    for name, value in change.items():
        setattr(world, name, value)

    refused(world, "approvals")


@pytest.mark.parametrize(
    ("shape", "decided"),
    [
        pytest.param(as_certify, [("ana", "certify")], id="certify by one"),
        pytest.param(as_anchor, [("ana", "anchor")], id="anchor by one"),
        pytest.param(as_anchor, [("ana", "promote"), ("bo", "promote")], id="anchor by other decisions"),
        pytest.param(as_rollback, [("ana", "promote")], id="nobody decided to go back"),
        pytest.param(as_rollback, [("bo", "rollback")], id="nobody ever let it through"),
        pytest.param(as_break_glass, [("cy", "break-glass")], id="one administrator"),
        pytest.param(as_break_glass, [("ana", "break-glass"), ("bo", "break-glass")], id="no administrators"),
        pytest.param(as_break_glass, [("cy", "review"), ("di", "review")], id="another request"),
    ],
)
def test_each_kind_needs_its_own_people(world, shape, decided):
    shape(world)
    world.decided = decided

    refused(world, "approvals")


def test_one_person_is_enough_where_the_policy_says_so(world):
    as_certify(world)
    world.decided, world.single_person = [("ana", "certify")], True

    assert world.check().approvals == 1


def test_a_former_decision_may_have_run_out_before_a_rollback(world):
    as_rollback(world)
    world.expired = {"promote": NOW - timedelta(days=30)}

    assert world.check().binding.kind == "rollback"


def test_the_decision_to_go_back_may_not_have_run_out(world):
    as_rollback(world)
    world.expired = {"rollback": NOW}

    refused(world, "approvals")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"outcome": "BLOCK"}, id="a blocked update"),
        pytest.param({"said": {"version": "4"}}, id="another version intended"),
        pytest.param({"said": {"expected_previous": "1"}}, id="another version before"),
        pytest.param({"said": {"nonce": "nonce-2"}}, id="another nonce"),
        pytest.param({"said": {"kind": "rollback"}}, id="another kind"),
        pytest.param({"said": {"update_digest": sha256_bytes(b"x")}}, id="other bytes intended"),
    ],
)
def test_what_the_ledger_says_must_be_what_the_passport_says(world, change):
    for name, value in change.items():
        setattr(world, name, value)

    refused(world, "inclusion")


def test_a_leaf_outside_the_tree_is_refused(world):
    bundle = json.loads(world.passport())
    bundle["leaves"][0]["proof"] = bundle["leaves"][1]["proof"]

    refused(world, "inclusion", text=canonical(bundle).decode())


def test_a_checkpoint_by_another_log_key_is_refused(world):
    world.log_key = key("other")

    refused(world, "checkpoint")


def test_too_few_witnesses_are_refused(world):
    world.cosigned = ()

    refused(world, "checkpoint")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"valid_until": NOW}, id="over"),
        pytest.param({"valid_from": NOW + timedelta(minutes=3)}, id="not yet"),
    ],
)
def test_out_of_its_time_it_does_not_count(world, change):
    world.expires = NOW + timedelta(hours=1)
    for name, value in change.items():
        setattr(world, name, value)

    refused(world, "time")


@pytest.mark.parametrize("until", [None, NOW + timedelta(hours=72, seconds=1)])
def test_break_glass_is_limited_to_72_hours(world, until):
    as_break_glass(world)
    world.valid_until = until

    refused(world, "time")


def test_revoked_bytes_are_refused(world):
    revoked = Revoked(digest=world.own.digest, code="poisoned", at="2030-01-02T00:00:00Z")

    assert "poisoned" in refused(world, "revocation", revocations=world.revocations(revoked=[revoked]))


@pytest.mark.parametrize("hours", [-1, 25])
def test_a_list_of_another_time_is_no_list(world, hours):
    refused(world, "revocation", revocations=world.revocations(issued=NOW - timedelta(hours=hours)))


@pytest.mark.parametrize("text", [None, NO_LIST, "{}"])
def test_without_a_list_nothing_is_verified(world, text):
    with pytest.raises(VerificationError, match=r"^revocation"):
        world.check(revocations=text)


def test_only_who_has_no_bytes_may_ask_before_there_is_a_list(world):
    assert world.check(revocations=NO_LIST, subject=None).notes == ("No revocation list was published yet.",)
    with pytest.raises(VerificationError, match=r"^revocation"):
        world.check(revocations=None, subject=None)


def test_a_former_move_is_noted_for_a_folder_and_refused_for_an_alias(world):
    current = {place("mlflow:one", "helper", "champion"): ("4", 90)}
    listed = world.revocations(current=current)

    assert "version 4" in world.check(revocations=listed).notes[0]
    refused(world, "revocation", revocations=listed, where=world.where)


def test_trust_may_hold_more_keys_than_one(world):
    keys = (public_text(key("former")), public_text(key("passport")))

    assert world.check(trust=world.trust(passport_keys=keys)).update == "upd-1"
