import pytest
from policy_catalogue import CATALOGUE, SMALL, load

from policies.lint import lint


def codes(text: str) -> set[str]:
    return {warning.code for warning in lint(load(text), CATALOGUE)}


def changed(before: str, after: str) -> str:
    assert before in SMALL
    return SMALL.replace(before, after, 1)


def test_an_installed_gate_the_policy_ignores_is_named():
    (warning,) = lint(load(), CATALOGUE)

    assert (warning.code, "data/pii" in warning.text) == ("unnamed-gate", True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(changed("margin: 0.05", "margin: 0.12"), "wide-margin", id="wide"),
        pytest.param(
            changed('m["changes"].value == 0', 'm["changes"].value >= 0 || m["changes"].value < 0'),
            "never-fails",
            id="always",
        ),
        pytest.param(changed('m["changes"].value == 0', 'f["artifact/template/x"] >= 0'), "never-fails", id="count"),
        pytest.param(changed('m["changes"].value == 0', 'f["artifact/template/x"] == 0'), "codes-only", id="codes"),
        pytest.param(
            changed("    params: {alpha", "    unmeasured: review\n    params: {alpha"),
            "unmeasured-review",
            id="silence",
        ),
        pytest.param(changed("params: {alpha", "params: {spend_alpha: true, alpha"), "budget-unread", id="budget"),
        pytest.param(SMALL[: SMALL.index("certify")], "no-certify", id="certify"),
        pytest.param(SMALL + "approvals: {distinct_from: []}\n", "own-approval", id="own"),
    ],
)
def test_what_may_not_be_meant_is_pointed_out(text, code):
    assert code in codes(text)
    assert code not in codes(SMALL)


def test_a_margin_in_other_units_is_not_called_wide():
    in_nats = changed("margin: 0.05", "margin: 0.3").replace("{margin:points}", "{margin} nats")

    assert "wide-margin" not in codes(in_nats)
