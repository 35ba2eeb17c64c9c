"""Decisions that the service signs over a log-in: what makes one count, and everything that should not."""

from datetime import timedelta

import pytest
from passport_world import ISSUER, NOW, World, key, person, subject

from audits.passport.binding import written
from audits.passport.decision import SignedDecision, read_decision, sign_decision
from audits.passport.dsse import public_text
from audits.passport.log_in import LogIn, read_by_log_in, sign_for_log_in, subject_of
from audits.passport.trust import TrustedApprover, TrustedLogIn, TrustedSubject, load_trust, trust_text
from gatekeeper.core.errors import UsageError, VerificationError


@pytest.fixture
def logged(world):
    """A passport whose one decision the service signed."""
    world.logged_in = {"ana": {}}
    return world


def refused(world, **changed):
    with pytest.raises(VerificationError) as caught:
        world.check(**changed)
    assert caught.value.message.startswith("approvals:"), caught.value.message
    return caught.value.message


def service(**changed):
    values = {"key": public_text(key("service")), "issuer": ISSUER, "roles": ("approver",), "minutes": 15.0}
    return TrustedLogIn(**{**values, **changed})


def test_a_decision_over_a_log_in_counts_where_the_trust_file_says_so(logged):
    assert logged.check().approvals == 1


def test_it_stands_beside_a_decision_by_somebody_elses_own_key(logged):
    logged.required, logged.decided = 2, [("ana", "promote"), ("bo", "promote")]

    assert logged.check().approvals == 2


@pytest.mark.parametrize(
    "trusted",
    [
        pytest.param({"log_ins": ()}, id="no-service"),
        pytest.param({"log_ins": (service(key=public_text(key("bo"))),)}, id="another-key"),
        pytest.param({"log_ins": (service(issuer="https://other.example"),)}, id="another-provider"),
        pytest.param({"log_ins": (service(roles=("admin",)),)}, id="another-role"),
        pytest.param({"subjects": ()}, id="nobody-named"),
        pytest.param(
            {"subjects": (TrustedSubject(subject=subject("bo"), roles=("approver",)),)}, id="somebody-else-named"
        ),
        pytest.param(
            {"subjects": (TrustedSubject(subject=subject("ana"), roles=("auditor",)),)}, id="named-without-the-role"
        ),
    ],
)
def test_it_does_not_count_where_the_trust_file_does_not_say_so(logged, trusted):
    refused(logged, trust=logged.trust(**trusted))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param({"auth_time": written(NOW - timedelta(minutes=16))}, "too long", id="stale"),
        pytest.param({"auth_time": written(NOW + timedelta(minutes=2))}, "too long", id="after-the-decision"),
        pytest.param({"auth_time": "yesterday"}, "no moment", id="no-time"),
        pytest.param({"issuer": "https://other.example"}, "not trusted", id="another-provider"),
        pytest.param({"subject": subject("nobody")}, "not trusted", id="unknown-subject"),
        pytest.param({"key": "ana"}, "not trusted", id="own-key-poses-as-the-service"),
        pytest.param({"key": "passport"}, "not trusted", id="passport-key"),
    ],
)
def test_a_log_in_that_does_not_hold_is_no_decision(logged, changed, why):
    logged.logged_in["ana"] = changed

    assert why in refused(logged)


def test_own_keys_are_not_weakened_where_nobody_logs_in(world):
    world.logged_in = {"bo": {}}

    assert world.check().approvals == 1


def test_the_services_key_cannot_pose_as_a_persons_own(world):
    world.logged_in = {"bo": {}}
    world.signed = lambda _name, decision: (key("service"), sign_decision(decision, key("service")))

    assert "not trusted" in refused(world)


def test_one_person_does_not_count_twice_by_log_in_and_by_key(world):
    world.logged_in, world.required = {"ana-at-the-provider": {"subject": subject("ana")}}, 2
    world.decided = [("ana", "promote"), ("ana-at-the-provider", "promote")]
    world.actors = {"ana-at-the-provider": person("ana")}

    assert "twice" in refused(world)


def test_one_subject_under_two_pseudonyms_does_not_count_twice(world):
    world.logged_in, world.required = {"ana": {}, "second": {"subject": subject("ana")}}, 2
    world.decided = [("ana", "promote"), ("second", "promote")]

    assert "twice" in refused(world)


def test_whoever_proposed_does_not_decide_by_logging_in(logged):
    logged.submitter = "ana"

    assert "proposed" in refused(logged)


def test_administrators_decide_with_their_own_keys_unless_the_trust_file_lets_them_log_in():
    world = World()
    world.kind, world.request, world.outcome = "break-glass", "req-1", "BLOCK"
    world.decided, world.valid_until = [("cy", "break-glass"), ("di", "break-glass")], NOW + timedelta(hours=72)
    world.logged_in = {"cy": {}}

    refused(world)
    assert world.check(trust=world.trust(log_ins=(service(roles=("approver", "admin")),))).approvals == 2


def decision():
    digest = "sha256:" + "0" * 64
    return SignedDecision(
        action="promote",
        decision="approve",
        update="upd-1",
        run="run-1",
        request=None,
        model="helper",
        alias="champion",
        update_digest=digest,
        policy_digest=digest,
        evidence_digest=digest,
        expires=written(NOW),
    )


def log_in(**changed):
    values = {"issuer": ISSUER, "subject": subject("ana"), "auth_time": written(NOW), "amr": (), "acr": None}
    return LogIn(**{**values, **changed})


def test_an_envelope_says_what_was_signed_and_no_name():
    text = sign_for_log_in(decision(), log_in(amr=("hwk",), acr="phr"), key("service"))

    read, by = read_by_log_in(text, [public_text(key("service"))])

    assert (read.decision, read.log_in) == (decision(), log_in(amr=("hwk",), acr="phr"))
    assert by == public_text(key("service"))


def test_neither_kind_of_envelope_reads_as_the_other():
    keys = [public_text(key("service"))]

    with pytest.raises(VerificationError):
        read_decision(sign_for_log_in(decision(), log_in(), key("service")), keys)
    with pytest.raises(VerificationError):
        read_by_log_in(sign_decision(decision(), key("service")), keys)


@pytest.mark.parametrize(
    "changed",
    [{"subject": "ana"}, {"subject": "subject:" + "A" * 64}, {"amr": ("x" * 201,)}, {"amr": ("x",) * 21}],
    ids=["a-name", "spelling", "long-word", "many-words"],
)
def test_a_log_in_of_another_shape_is_none(changed):
    text = sign_for_log_in(decision(), log_in(**changed), key("service"))

    with pytest.raises(VerificationError):
        read_by_log_in(text, [public_text(key("service"))])


def test_a_subject_is_told_by_provider_claim_and_value_together():
    own = b"k" * 32
    found = {
        subject_of(own, ISSUER, "sub", "a"),
        subject_of(own, ISSUER, "email", "a"),
        subject_of(own, "https://other.example", "sub", "a"),
        subject_of(own, ISSUER, "sub", "b"),
        subject_of(b"l" * 32, ISSUER, "sub", "a"),
    }

    assert len(found) == 5


def test_the_trust_file_keeps_what_it_is_given(logged, tmp_path):
    (tmp_path / "trust.toml").write_text(trust_text(logged.trust()))

    assert load_trust(tmp_path / "trust.toml") == logged.trust()


@pytest.mark.parametrize(
    "trusted",
    [
        pytest.param({"log_ins": (service(key=public_text(key("passport"))),)}, id="passport-key"),
        pytest.param({"log_ins": (service(key=public_text(key("log"))),)}, id="log-key"),
        pytest.param({"log_ins": (service(key=public_text(key("witness"))),)}, id="witness-key"),
        pytest.param({"log_ins": (service(key=public_text(key("ana"))),)}, id="a-persons-key"),
        pytest.param({"log_ins": (service(), service(minutes=60.0))}, id="twice"),
        pytest.param({"log_ins": (service(minutes=0.0),)}, id="no-time"),
        pytest.param({"log_ins": (service(roles=()),)}, id="no-role"),
        pytest.param({"subjects": (TrustedSubject(subject="ana", roles=("approver",)),)}, id="a-name"),
        pytest.param(
            {"subjects": tuple(TrustedSubject(subject=subject("a"), roles=(role,)) for role in ("admin", "approver"))},
            id="subject-twice",
        ),
    ],
)
def test_a_trust_file_that_mixes_keys_up_is_refused(logged, tmp_path, trusted):
    (tmp_path / "trust.toml").write_text(trust_text(logged.trust(**trusted)))

    with pytest.raises(UsageError):
        load_trust(tmp_path / "trust.toml")


def test_a_trust_file_without_log_ins_reads_as_before(world, tmp_path):
    text = trust_text(world.trust())
    (tmp_path / "trust.toml").write_text(text)

    assert "log_ins" not in text
    assert load_trust(tmp_path / "trust.toml").approvers[0] == TrustedApprover(
        key=public_text(key("ana")), roles=("approver",)
    )
