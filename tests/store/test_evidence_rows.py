"""Runs, approvals, promotions and people: what is read back is what was written, or an error."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from gatekeeper.core.errors import PromotionConflict, StateError, StoreError, VerificationError
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity, Status
from gatekeeper.core.verdict import Outcome, Reason, Verdict
from gatekeeper.store import approvals, models, people, promotions, runs, texts
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import Decision, PromotionKind, PromotionState, TextRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BINDING = Binding(
    update_digest="sha256:" + "1" * 64, policy_digest="sha256:" + "2" * 64, evidence_digest="sha256:" + "3" * 64
)
REPORT = GateReport(
    gate="data/pii",
    version=1,
    status=Status.MEASURED,
    metrics=(Metric(name="pii.rate", value=0.1, unit="share", n=10, low=0.05, high=float("inf"), confidence=0.95),),
    findings=(
        Finding(code="data/pii/email", severity=Severity.HIGH, confidence=1.0, subject="row-1", message="An address."),
    ),
)
VERDICT = Verdict(
    outcome=Outcome.REVIEW,
    errored=False,
    reasons=(Reason(gate="data/pii", code="data/pii/rate", outcome=Outcome.REVIEW, text="0.1 is above 0."),),
    not_run=("behaviour/refusal",),
    policy_digest=BINDING.policy_digest,
    evidence_digest=BINDING.evidence_digest,
    update_digest=BINDING.update_digest,
)
ANNA, BERT = "person:" + "a" * 64, "person:" + "b" * 64


@pytest.fixture
def run_id(store, proposed) -> str:
    with store.transaction() as session:
        return runs.start(
            session,
            update_id=proposed.id,
            policy_name="baseline",
            policy_digest=BINDING.policy_digest,
            policy={"gates": [1.5, "x"]},
            seed=7,
            environment={"torch": "2"},
        ).id


def decide(store, run_id, *, approver=ANNA, decision=Decision.APPROVE, comment="", binding=BINDING):
    with store.transaction() as session:
        return approvals.add(
            session,
            update_id="upd-00000000000000aa",
            run_id=run_id,
            decision=decision,
            approver=approver,
            binding=binding,
            expires=NOW + timedelta(days=1),
            envelope=None,
            comment_digest=texts.keep(session, subject="upd-00000000000000aa", body=comment),
            now=NOW,
        )


def test_a_report_comes_back_whole(store, run_id):
    with store.transaction() as session:
        runs.add_report(session, run_id, REPORT, seconds=1.5)

    with store.reading() as session:
        assert [report.digest for report in runs.reports(session, run_id)] == [REPORT.digest]
        assert runs.seconds(session, run_id) == {"data/pii": 1.5}


def test_a_report_changed_in_the_database_is_found(store, run_id):
    with store.transaction() as session:
        runs.add_report(session, run_id, REPORT, seconds=1.5)
        session.execute(text("UPDATE reports SET report = replace(report, '0.1', '0.0')"))

    with store.reading() as session, pytest.raises(VerificationError, match="data/pii"):
        runs.reports(session, run_id)


def test_a_verdict_comes_back_whole(store, run_id):
    with store.transaction() as session:
        assert runs.verdict(session, run_id) is None
        runs.add_verdict(session, run_id, VERDICT)

    with store.reading() as session:
        assert runs.verdict(session, run_id) == VERDICT


def test_a_verdict_changed_in_the_database_is_found(store, run_id):
    with store.transaction() as session:
        runs.add_verdict(session, run_id, VERDICT)
        session.execute(text("UPDATE verdicts SET outcome = 'ADMIT'"))

    with store.reading() as session, pytest.raises(VerificationError):
        runs.verdict(session, run_id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdicts SET errored = NOT errored",
        "UPDATE verdicts SET evidence_digest = 'sha256:' || substr(evidence_digest, 9) || '0'",
        'UPDATE verdicts SET verdict = replace(verdict, \'"outcome":\', \'"outcome": 0, "was":\')',
        "UPDATE verdicts SET verdict = '{}'",
    ],
)
def test_a_verdict_that_is_changed_after_it_was_read_is_found(store, run_id, change):
    with store.transaction() as session:
        runs.add_verdict(session, run_id, VERDICT)
    with store.reading() as session:
        assert runs.verdict(session, run_id) == VERDICT
    with store.transaction() as session:
        session.execute(text(change))

    with store.reading() as session, pytest.raises((VerificationError, StoreError)):
        runs.verdict(session, run_id)


def test_a_report_whose_text_says_the_same_in_other_letters_is_found(store, run_id):
    with store.transaction() as session:
        runs.add_report(session, run_id, REPORT, seconds=1.5)
        session.execute(text("UPDATE reports SET report = replace(report, '{', '{ ')"))

    with store.reading() as session, pytest.raises(VerificationError, match="data/pii"):
        runs.reports(session, run_id)


def test_the_newest_run_gives_its_policy_when_it_is_asked_for(store, run_id):
    with store.reading() as session:
        assert runs.newest(session, "upd-00000000000000aa").policy == runs.require(session, run_id).policy


def test_a_run_ends_and_is_the_latest(store, run_id):
    with store.transaction() as session:
        runs.finish(session, run_id, now=NOW)

    with store.reading() as session:
        run = runs.latest(session, "upd-00000000000000aa")
        assert run is not None
        assert (run.id, run.finished, run.policy) == (run_id, NOW, {"gates": [1.5, "x"]})
        assert runs.latest(session, "upd-none") is None


def test_consent_stands_for_exactly_what_it_was_given_for(store, run_id):
    decide(store, run_id)
    decide(store, run_id, approver=BERT, decision=Decision.REJECT)
    other = Binding(
        update_digest=BINDING.update_digest,
        policy_digest=BINDING.policy_digest,
        evidence_digest="sha256:" + "4" * 64,
    )

    with store.reading() as session:
        assert [row.approver for row in approvals.standing(session, run_id, binding=BINDING, now=NOW)] == [ANNA]
        assert approvals.standing(session, run_id, binding=other, now=NOW) == []
        assert approvals.standing(session, run_id, binding=BINDING, now=NOW + timedelta(days=1)) == []
        assert {row.approver for row in approvals.of_run(session, run_id)} == {ANNA, BERT}


def test_a_person_decides_once_per_run(store, run_id):
    decide(store, run_id)

    with pytest.raises(StateError, match="already decided"):
        decide(store, run_id, decision=Decision.REJECT)


def test_a_comment_can_be_erased_and_its_digest_stays(store, run_id):
    given = decide(store, run_id, comment="Looks good to me, Anna")
    with store.reading() as session:
        kept = session.get(TextRow, given.comment_digest)
        assert kept is not None
        assert given.comment_digest == texts.salted_digest(kept.salt, "Looks good to me, Anna")
        assert texts.find(session, given.comment_digest) == "Looks good to me, Anna"

    with store.transaction() as session:
        assert texts.erase(session, given.comment_digest)
        assert not texts.erase(session, given.comment_digest)

    with store.reading() as session:
        assert texts.about(session, "upd-00000000000000aa") == {}
        assert approvals.of_update(session, "upd-00000000000000aa")[0].comment_digest == given.comment_digest


def test_relationships_load_only_where_a_query_asks(store, run_id):
    from sqlalchemy.exc import InvalidRequestError

    with store.reading() as session, pytest.raises(InvalidRequestError):
        _ = runs.require(session, run_id).reports


def intend(session, *, alias="champion"):
    return promotions.intend(
        session,
        update_id="upd-00000000000000aa",
        registry_id="mlflow:0",
        model="helper",
        version="2",
        alias=alias,
        expected_previous="1",
        kind=PromotionKind.PROMOTE,
    )


def test_one_alias_has_one_promotion_under_way(store, proposed):
    with store.transaction() as session:
        first = intend(session)
        intend(session, alias="anchor")

    with pytest.raises(PromotionConflict, match=first.id), store.transaction() as session:
        intend(session)

    with store.reading() as session:
        assert len(promotions.all_under_way(session)) == 2


def test_the_database_itself_keeps_promotions_apart(store, proposed):
    from sqlalchemy.exc import IntegrityError

    with store.transaction() as session:
        first = intend(session)

    columns = (
        "id, update_id, registry_id, model, version, alias, expected_previous, kind, nonce, state, started, finished"
    )
    with pytest.raises(IntegrityError), store.transaction() as session:
        session.execute(
            text(
                f"INSERT INTO promotions ({columns}) SELECT 'prm-2', {columns.removeprefix('id, ')} "  # noqa: S608 - constant
                "FROM promotions WHERE id = :id"
            ),
            {"id": first.id},
        )


def test_a_promotion_ends_once(store, proposed):
    with store.transaction() as session:
        first = intend(session)
        promotions.finish(session, first.id, PromotionState.OBSERVED)
        assert first.state is PromotionState.OBSERVED

    with pytest.raises(StateError), store.transaction() as session:
        promotions.finish(session, first.id, PromotionState.FAILED)

    with store.transaction() as session:
        intend(session)
        last = promotions.last_observed(session, registry_id="mlflow:0", model="helper", alias="champion")
        assert last is not None
        assert last.id == first.id


def test_a_promotion_cannot_end_as_promoting(store):
    with store.transaction() as session, pytest.raises(RuntimeError):
        promotions.finish(session, "prm-none", PromotionState.PROMOTING)


def test_a_person_can_be_forgotten(store):
    with store.transaction() as session:
        for name in ("Anna", "Anna B."):
            people.remember(session, lookup="a", display_name=name, pseudonym_of=lambda key: ANNA)
        assert people.display_names(session) == {ANNA: "Anna B."}
        assert people.pseudonym(session, "a") == ANNA

        assert people.erase(session, ANNA)

        assert people.display_name(session, ANNA) is None
        assert people.pseudonym(session, "a") is None
        assert not people.erase(session, ANNA)


def test_a_forgotten_person_comes_back_as_somebody_else(store):
    with store.transaction() as session:
        known = [people.remember(session, lookup="a", display_name="Anna", pseudonym_of=bytes.hex) for _ in range(2)]
        people.erase(session, known[0])
        later = people.remember(session, lookup="a", display_name="Anna", pseudonym_of=bytes.hex)

    assert known[0] == known[1] != later


def test_a_new_model_protects_champion_and_anchor(store):
    with store.transaction() as session:
        models.ensure_model(session, "helper")
        models.ensure_model(session, "other", ["live"])

        assert models.protected_aliases(session, "helper") == ("champion", "anchor")
        assert models.protected_aliases(session, "other") == ("live",)
        assert models.protected_aliases(session, "unseen") == ("champion", "anchor")
