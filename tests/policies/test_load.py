import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from policy_catalogue import CATALOGUE, SMALL, load

from gatekeeper.core.errors import PolicyError
from gatekeeper.core.verdict import Outcome
from policies.load import load_policy


def changed(before: str, after: str) -> str:
    assert before in SMALL
    return SMALL.replace(before, after, 1)


def test_a_policy_is_complete_after_loading():
    policy = load()

    regression = policy.rule("behaviour/regression")
    assert [rule.gate for rule in policy.gates] == ["artifact/format", "artifact/template", "behaviour/regression"]
    assert regression is not None
    assert regression.params == CATALOGUE["behaviour/regression"].params(alpha=0.05)
    assert regression.limits[0].otherwise is Outcome.REVIEW
    assert policy.gates[0].limits[0].otherwise is Outcome.BLOCK
    assert (policy.approvals.required, policy.approvals.roles, policy.stop_early) == (1, ("approver",), True)


def test_a_file_and_its_text_are_the_same_policy(tmp_path: Path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")

    assert load_policy(path, CATALOGUE) == load()


def test_parameters_take_the_types_of_their_gate():
    policy = load(changed("{alpha: 0.05}", "{alpha: 0.01, items: 7, strict: true, suites: [a, b], depth: deep}"))

    params = CATALOGUE["behaviour/regression"].params
    assert policy.gates[2].params == params(alpha=0.01, items=7, strict=True, suites=("a", "b"), depth="deep")


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        pytest.param(changed("artifact/format", "artifact/fromat"), 5, "Did you mean artifact/format", id="gate"),
        pytest.param(
            changed("{alpha: 0.05}", "{alfa: 0.05}"), 17, "takes no parameter 'alfa'", id="unknown-parameter"
        ),
        pytest.param(changed("{alpha: 0.05}", "{alpha: much}"), 17, "alpha of behaviour/regression cannot", id="type"),
        pytest.param(changed("{alpha: 0.05}", "{items: 1.5}"), 17, "items of behaviour/regression", id="whole-number"),
        pytest.param(
            changed("{alpha: 0.05}", '{items: "7"}'), 17, "items of behaviour/regression", id="quoted-number"
        ),
        pytest.param(changed("{alpha: 0.05}", "{strict: 1}"), 17, "strict of behaviour/regression", id="no-boolean"),
        pytest.param(changed("{alpha: 0.05}", "{alpha: 2}"), 17, "alpha lies between 0 and 1", id="out-of-range"),
        pytest.param(changed(".low > -margin", ".low >"), 21, "does not compile", id="cel"),
        pytest.param(changed(".low > -margin", ".lower > -margin"), 21, "does not compile", id="field"),
        pytest.param(changed("        margin: 0.05\n", ""), 20, "has no margin", id="no-margin"),
        pytest.param(
            changed("'m[\"changes\"].value == 0'", "'f[\"data/pii/x\"] == 0'"),
            13,
            "not a finding of",
            id="foreign-code",
        ),
        pytest.param(changed("id: same", "id: Same Thing"), 12, "cannot be 'Same Thing'", id="bad-id"),
        pytest.param(changed("id: same", "id: unmeasured"), 12, "reserved", id="reserved-id"),
        pytest.param(changed("{margin:points}", "{margin.__class__}"), 25, "cannot be filled", id="sentence"),
        pytest.param(changed("    limits:", "    limit:"), 6, "Did you mean limits", id="unknown-key"),
        pytest.param(changed("version: 1", "version: '1'"), 2, "version cannot be '1'", id="quoted-version"),
        pytest.param(changed("version: 1", "version: 1\nversion: 2"), 3, "stands here twice", id="repeated-key"),
        pytest.param(changed("version: 1", "version: &v 1"), 2, "no anchors", id="anchor"),
        pytest.param(changed("version: 1", "version: ${V}"), 2, "no ${variables}", id="variable"),
        pytest.param(changed("margin: 0.05", "margin: .nan"), 20, "finite", id="nan"),
        pytest.param(changed("margin: 0.05", "margin: .inf"), 20, "finite", id="infinity"),
        pytest.param(changed("margin: 0.05", "margin: -0.05"), 20, "greater than or equal", id="negative-margin"),
        pytest.param(changed("version: 1", "version: 1\n <<: {a: 1}"), 3, "", id="indentation"),
        pytest.param(changed("version: 1", "version: !!python/object:os.system 1"), 2, "", id="tag"),
        pytest.param(changed("about: Two", "about: ["), None, "not valid YAML", id="no-yaml"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, line, why):
    with pytest.raises(PolicyError) as caught:
        load(text)

    message = str(caught.value)
    assert message.startswith("small.yaml")
    assert why in message
    assert line is None or f"line {line}:" in message


def test_a_gate_named_twice_is_refused():
    double = changed("  - gate: artifact/template", "  - gate: artifact/format")

    with pytest.raises(PolicyError, match="named twice"):
        load(double)


def test_a_limit_named_twice_is_refused():
    limit = "      - {id: no-code, admit: 'm[\"code_files\"].value == 0', because: a}\n"

    with pytest.raises(PolicyError, match="used twice"):
        load(SMALL + limit)


def test_a_limit_that_may_ask_for_review_must_say_how():
    with pytest.raises(PolicyError, match="no sentence for it"):
        load("\n".join(line for line in SMALL.splitlines() if 'review: "' not in line))


@pytest.mark.parametrize("gate", ["artifact/format", "artifact/template"])
def test_a_candidate_is_never_loaded_before_the_artifact_gates(gate):
    policy = yaml.safe_load(SMALL)
    policy["gates"] = [rule for rule in policy["gates"] if rule["gate"] != gate]

    with pytest.raises(PolicyError, match=f"does not require {gate}"):
        load(yaml.safe_dump(policy))


@pytest.mark.parametrize("text", ["", "- a\n", "policy: a\nversion: 1\n", "policy: a\nversion: 1\ngates: []\n"])
def test_a_policy_that_requires_nothing_does_not_load(text):
    with pytest.raises(PolicyError):
        load(text)


def test_a_gate_without_a_limit_does_not_load():
    with pytest.raises(PolicyError, match="requires nothing blocks everything"):
        load("policy: a\nversion: 1\ngates:\n  - {gate: artifact/format, limits: []}\n")


def test_a_deep_file_is_refused_before_it_is_read():
    with pytest.raises(PolicyError, match="nested too deeply"):
        load("policy: " + "[" * 5000)


def test_a_missing_file_is_a_sentence(tmp_path: Path):
    with pytest.raises(PolicyError, match="cannot be read") as caught:
        load_policy(tmp_path / "none.yaml", CATALOGUE)

    assert caught.value.exit_code == 64


def test_bytes_that_are_no_text_are_a_sentence(tmp_path: Path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(PolicyError, match="no UTF-8"):
        load_policy(path, CATALOGUE)


def test_an_unknown_builtin_names_the_known_ones():
    with pytest.raises(PolicyError, match="There are: baseline"):
        load_policy("builtin:../secrets", CATALOGUE)


def test_formatting_and_comments_do_not_change_the_digest():
    value = yaml.safe_load(SMALL)

    texts = [
        "# a comment\n" + SMALL.replace("\n", "  # said\n", 1),
        json.dumps(value, indent=7),
        yaml.safe_dump(value, default_flow_style=True),
        yaml.safe_dump(value, sort_keys=True),
        SMALL.replace("0.05", "0.0500"),
    ]

    assert {load(text).digest for text in texts} == {load().digest}


def test_writing_a_default_out_does_not_change_the_digest():
    spelled = changed("{alpha: 0.05}", "{items: 100}").replace(
        "version: 1", "version: 1\nstop_early: true\nseed: 1729", 1
    )

    assert load(spelled).digest == load().digest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("margin: 0.05", "margin: 0.06"),
        ("{alpha: 0.05}", "{alpha: 0.06}"),
        ("version: 1", "version: 2"),
        (".low > -margin", ".low >= -margin"),
        ("otherwise: review", "otherwise: block"),
        ("Knowledge fell", "Knowledge sank"),
        ("    params: {alpha", "    unmeasured: review\n    params: {alpha"),
        ("certify:", "approvals: {required: 2}\ncertify:"),
    ],
)
def test_whatever_changes_a_verdict_or_its_words_changes_the_digest(before, after):
    assert load(changed(before, after)).digest != load().digest


@given(st.text(max_size=200))
def test_any_text_loads_or_is_refused_with_a_sentence(text):
    with pytest.raises(PolicyError):
        load(text)


@given(st.data())
def test_a_damaged_policy_loads_or_is_refused_with_a_sentence(data):
    at = data.draw(st.integers(0, len(SMALL) - 1))
    insert = data.draw(st.text(alphabet="{}[]:-'\"\n #&*!|>%@`ab0.", max_size=4))

    try:
        policy = load(SMALL[:at] + insert + SMALL[at + data.draw(st.integers(0, 5)) :])
    except PolicyError:
        return

    assert policy.gates
