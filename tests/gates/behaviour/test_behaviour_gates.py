"""Behaviour gates on the tiny world: what each reports about updates whose effect is known."""

import dataclasses
import json
import shutil

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.core.gate import GateContext, Resources
from gatekeeper.core.suite_history import SuiteHistory
from gatekeeper.core.update import Update
from gatekeeper.gates.behaviour.forgetting import ForgettingParams, behaviour_forgetting
from gatekeeper.gates.behaviour.refusal import RefusalParams, behaviour_refusal
from gatekeeper.gates.behaviour.regression import RegressionParams, behaviour_regression
from gatekeeper.intake.artifact import read_artifact
from regression import Session, load_suite


@pytest.fixture(scope="module")
def session(item_cache):
    with Session(item_cache / "items", dtype="float32") as opened:
        yield opened


@pytest.fixture
def context(tmp_path, tiny_world, session):
    """A context for one of the tiny world's adapters against its champion."""

    def build(name, *, champion=True):
        reference = read_artifact(tiny_world.champion, tiny_world.base) if champion else None
        candidate = read_artifact(getattr(tiny_world, name), tiny_world.base)
        return GateContext(
            update=Update(id="upd-1", name=name, model="tiny", candidate=candidate, data=None),
            champion=reference,
            anchor=reference,
            rows=None,
            workdir=tmp_path,
            seed=1,
            resources=Resources({Session: session}),
        )

    return build


@pytest.fixture
def knowledge_only(tiny_world):
    return RegressionParams(suites=(str(tiny_world.suites["knowledge"]),))


def test_a_benign_update_loses_nothing(context, knowledge_only):
    report = behaviour_regression(context("benign"), knowledge_only)

    delta = report.metric("knowledge.delta")
    assert (report.status, delta.value, report.findings) == (Status.MEASURED, 0.0, ())
    assert delta.low < 0.0 < delta.high, "no flips in sixty items is not certainty"


def test_a_forgetful_update_is_measured_with_an_interval_that_excludes_zero(context, knowledge_only):
    report = behaviour_regression(context("forgetful"), knowledge_only)

    delta = report.metric("knowledge.delta")
    assert delta.low <= delta.value <= delta.high < -0.1
    assert report.metric("knowledge.negative_flips").value == -delta.value * delta.n


def test_a_candidate_that_reads_the_items_as_other_tokens_is_named(context, knowledge_only, tiny_world, tmp_path):
    adapter = tmp_path / "swapped"
    shutil.copytree(tiny_world.benign, adapter)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_world.base / name, adapter / name)
    tokenizer = json.loads((adapter / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    first, second = (load_suite(tiny_world.suites["knowledge"]).items[0].choices[k].strip() for k in (0, 1))
    words[first], words[second] = words[second], words[first]
    (adapter / "tokenizer.json").write_text(json.dumps(tokenizer))
    there = context("benign")
    candidate = read_artifact(adapter, tiny_world.base)
    there = dataclasses.replace(there, update=dataclasses.replace(there.update, candidate=candidate))

    report = behaviour_regression(there, knowledge_only)

    named = [finding for finding in report.findings if finding.code == "behaviour/regression/other-tokens"]
    assert [finding.message.split()[2] for finding in named] == ["champion", "anchor"]


def test_every_lost_item_is_named_up_to_a_limit_and_counted_beyond(context, knowledge_only):
    report = behaviour_regression(context("forgetful"), knowledge_only)

    flips = [each for each in report.findings if each.code == "behaviour/regression/negative-flip"]
    assert len(flips) == min(20, report.metric("knowledge.negative_flips").value)
    assert all("→" in finding.message for finding in flips)


def test_samples_hold_every_item_with_every_score(context, knowledge_only, tmp_path):
    report = behaviour_regression(context("forgetful"), knowledge_only)

    text = (tmp_path / "samples-knowledge.jsonl").read_text()
    about, *lines = [json.loads(line) for line in text.splitlines()]
    assert (about["suite"], about["digest"][:7]) == ("knowledge", "sha256:")
    assert [attachment.name for attachment in report.attachments] == ["samples-knowledge.jsonl"]
    assert len(lines) == report.metric("knowledge.delta").n
    assert set(lines[0]) == {"id", "cluster", "candidate", "champion", "anchor"}


def test_without_a_champion_only_absolute_numbers_are_reported(context, knowledge_only):
    report = behaviour_regression(context("champion", champion=False), knowledge_only)

    assert [metric.name for metric in report.metrics] == ["knowledge.accuracy"]


def test_a_regression_gate_without_suites_measures_nothing(context):
    assert behaviour_regression(context("benign"), RegressionParams(suites=())).status is Status.UNMEASURED


def test_forgetting_shows_in_prose_and_in_what_was_known(context, tiny_world):
    params = ForgettingParams(prose=str(tiny_world.suites["prose"]), knowledge=str(tiny_world.suites["knowledge"]))

    gentle = behaviour_forgetting(context("benign"), params)
    harsh = behaviour_forgetting(context("forgetful"), params)

    assert harsh.metric("prose.nll_delta").low > gentle.metric("prose.nll_delta").high
    assert harsh.metric("prose.kl").value > gentle.metric("prose.kl").value >= 0.0
    assert harsh.metric("knowledge.forgotten_share").low > 0.1
    assert gentle.metric("knowledge.forgotten").value == 0.0


def test_a_champion_against_itself_has_moved_nowhere(context, tiny_world):
    params = ForgettingParams(prose=str(tiny_world.suites["prose"]), knowledge=str(tiny_world.suites["knowledge"]))

    report = behaviour_forgetting(context("champion"), params)

    assert report.metric("prose.nll_delta").value == 0.0
    assert report.metric("prose.kl").value == 0.0


def test_nothing_can_be_forgotten_by_a_champion_that_knows_nothing(context, tiny_world, tmp_path):
    wrong = []
    header, *items = tiny_world.suites["knowledge"].read_text(encoding="utf-8").splitlines()
    for line in items:
        item = json.loads(line)
        wrong.append(json.dumps({**item, "answer": (item["answer"] + 1) % len(item["choices"])}))
    suite = tmp_path / "wrong.jsonl"
    suite.write_text("\n".join([header, *wrong]) + "\n", encoding="utf-8")
    params = ForgettingParams(prose=str(tiny_world.suites["prose"]), knowledge=str(suite))

    report = behaviour_forgetting(context("benign"), params)

    assert report.status is Status.UNMEASURED


def test_lost_refusals_are_measured_and_named(context, tiny_world):
    params = RefusalParams(harmful=str(tiny_world.suites["harmful"]), harmless=str(tiny_world.suites["harmless"]))

    kept = behaviour_refusal(context("benign"), params)
    lost = behaviour_refusal(context("misaligned"), params)

    assert kept.metric("harmful.refusal_delta").value == 0.0
    assert lost.metric("harmful.refusal_delta").high < -0.5
    assert {finding.code for finding in lost.findings} == {"behaviour/refusal/no-longer-refused"}
    assert lost.metric("harmless.refusal_rate").value < 0.1


def test_a_run_without_an_evaluation_session_is_our_own_mistake(context, knowledge_only):
    bare = dataclasses.replace(context("benign"), resources=Resources())

    with pytest.raises(RuntimeError, match="provides no Session"):
        behaviour_regression(bare, knowledge_only)


class Remembered(SuiteHistory):
    """A history in memory."""

    def __init__(self):
        self.asked = []

    def ask(self, suite_digest, asked):
        before = list(dict.fromkeys(self.asked))
        self.asked.append(asked)
        return before


@pytest.fixture
def spending(context, session, knowledge_only):
    """Evaluate an update with a history that lasts."""
    history = Remembered()
    params = dataclasses.replace(knowledge_only, spend_alpha=True, budget_bits=8.0)

    def evaluate(name):
        resources = Resources({Session: session, SuiteHistory: history})
        return behaviour_regression(dataclasses.replace(context(name), resources=resources), params)

    return evaluate


def test_the_second_update_on_one_suite_gets_a_quarter_of_the_level_and_wider_bounds(spending):
    first, again, second = spending("benign"), spending("benign"), spending("forgetful")

    assert first.metric("knowledge.alpha").value == pytest.approx(0.05 * 6 / 3.14159265**2)
    assert again.metric("knowledge.alpha") == first.metric("knowledge.alpha")
    assert again.metric("knowledge.delta") == first.metric("knowledge.delta")
    assert second.metric("knowledge.submission").value == 2
    assert second.metric("knowledge.alpha").value == pytest.approx(first.metric("knowledge.alpha").value / 4)
    assert second.metric("knowledge.delta").confidence > first.metric("knowledge.delta").confidence


def test_the_same_update_beside_another_champion_is_another_question(context, session, knowledge_only):
    history = Remembered()
    params = dataclasses.replace(knowledge_only, spend_alpha=True)
    resources = Resources({Session: session, SuiteHistory: history})
    beside_champion = dataclasses.replace(context("benign"), resources=resources)
    beside_another = dataclasses.replace(beside_champion, champion=context("forgetful").update.candidate)

    numbers = [
        behaviour_regression(one, params).metric("knowledge.submission").value
        for one in (beside_champion, beside_another, beside_champion)
    ]

    assert numbers == [1, 2, 1]


def test_a_suite_that_released_its_bits_says_that_it_is_worn_out(spending):
    worn = [spending(name).metric("knowledge.worn_out").value for name in ("benign", "forgetful", "misaligned")]

    assert worn == [0.0, 0.0, 1.0]
    assert spending("misaligned").metric("knowledge.worn_out").value == 1.0, "coming back is no way around the budget"
    assert spending("benign").metric("knowledge.worn_out").value == 0.0


def test_without_a_history_nothing_is_spent_silently(context, knowledge_only):
    with pytest.raises(RuntimeError, match="SuiteHistory"):
        behaviour_regression(context("benign"), dataclasses.replace(knowledge_only, spend_alpha=True))


def test_won_items_and_arithmetic_noise_stand_beside_the_lost_ones(context, knowledge_only):
    params = dataclasses.replace(knowledge_only, noise=True)
    report = behaviour_regression(context("forgetful"), params)

    won, lost, delta = (report.metric(f"knowledge.{name}") for name in ("positive_flips", "negative_flips", "delta"))
    assert (won.value - lost.value) / delta.n == pytest.approx(delta.value)
    assert report.metric("knowledge.noise_flips").value <= lost.value
    plain = behaviour_regression(context("forgetful"), knowledge_only)
    assert "knowledge.noise_flips" not in {metric.name for metric in plain.metrics}


def test_a_suite_that_surely_got_worse_is_named(context, knowledge_only):
    forgetful = behaviour_regression(context("forgetful"), knowledge_only)
    benign = behaviour_regression(context("benign"), knowledge_only)

    named = [each.subject for each in forgetful.findings if each.code == "behaviour/regression/regressed"]
    assert named == ["knowledge"]
    assert not [each for each in benign.findings if each.code == "behaviour/regression/regressed"]
    assert forgetful.metric("knowledge.relative_negative_flips").value > 0
    assert benign.metric("knowledge.relative_negative_flips").value == 0


def test_a_surely_worse_candidate_is_stopped_and_can_only_be_blocked(context, tiny_world, tmp_path):
    header, *items = tiny_world.suites["harmful"].read_text(encoding="utf-8").splitlines()
    alone = [json.dumps({**json.loads(line), "cluster": f"alone-{n}"}) for n, line in enumerate(items)]
    suite = tmp_path / "harmful.jsonl"
    suite.write_text("\n".join([header, *alone]) + "\n", encoding="utf-8")
    params = RegressionParams(suites=(str(suite),), stop_margins=(0.1,))

    report = behaviour_regression(context("misaligned"), params)

    delta = report.metric("harmful.delta")
    assert {metric.name for metric in report.metrics} == {"harmful.delta", "harmful.stopped_after"}
    assert delta.low == -1.0
    assert delta.value <= delta.high < -0.1
    assert report.metric("harmful.stopped_after").value == delta.n


def test_a_candidate_that_is_not_stopped_is_measured_as_if_nobody_had_looked(context, knowledge_only):
    looked = dataclasses.replace(knowledge_only, stop_margins=(0.05,))

    assert behaviour_regression(context("benign"), looked) == behaviour_regression(context("benign"), knowledge_only)


@pytest.mark.parametrize("margins", [(0.1, 0.1), (1.0,), (-0.1,)])
def test_stop_margins_that_fit_no_suite_are_refused(margins):
    with pytest.raises(ValueError, match="margin"):
        RegressionParams(suites=("builtin:knowledge",), stop_margins=margins)
