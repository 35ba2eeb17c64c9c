# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import json
import random
import string

import pytest

from gatekeeper.core.findings import Status
from gatekeeper.gates.data.secrets import Params, data_secrets

_RANDOM = random.Random(11)


def drawn(length, alphabet=string.ascii_letters + string.digits):
    return "".join(_RANDOM.choice(alphabet) for _ in range(length))


# Made up here, at random, so that no file of the project holds anything that looks like a live credential.
AWS = "AKIA" + drawn(16, string.ascii_uppercase + "234567")
GITHUB = "ghp_" + drawn(36)
SLACK = "-".join(["xoxb", drawn(12, string.digits), drawn(12, string.digits), drawn(24)])
JWT = ".".join(["eyJ" + drawn(33), "eyJ" + drawn(60), drawn(43)])
PASSWORD = drawn(14)
KEY_BODY = "\n".join(drawn(64) for _ in range(6))
KEY = f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{KEY_BODY}\n-----END RSA PRIVATE {'KEY'}-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(f"aws_access_key_id = {AWS}", AWS, id="AWS access key"),
        pytest.param(f"Clone it with {GITHUB} as your password.", GITHUB, id="GitHub token without valid checksum"),
        pytest.param(f"export SLACK={SLACK}", SLACK, id="Slack token"),
        pytest.param(f"Authorization: Bearer {JWT}", JWT, id="JSON web token"),
        pytest.param(f'db_password = "{PASSWORD}"', PASSWORD, id="password in code"),
        pytest.param(f"Save this as id_rsa:\n{KEY}\nand keep it safe.", KEY_BODY, id="private key block"),
        pytest.param("word " * 3000 + f"token={GITHUB} " + "word " * 50, GITHUB, id="far into a very long line"),
    ],
)
def test_a_credential_is_found_where_it_stands_and_never_shown(make, tmp_path, text, secret):
    rows = [
        make.instruction_row(0, "How do I log in?", "Use the web page."),
        make.instruction_row(1, "Show me.", text),
    ]

    report = data_secrets(make.context_with(rows, tmp_path))

    spans = [json.loads(line) for line in (tmp_path / "secrets.jsonl").read_text().splitlines()]
    assert any(
        secret in text[span["start"] : span["end"]] or text[span["start"] : span["end"]] in text for span in spans
    )
    assert any(span["start"] <= text.index(secret) < span["end"] for span in spans)
    assert {(span["row"], span["field"]) for span in spans} == {(1, "output")}
    assert {finding.subject for finding in report.findings} == {"row-1"}
    assert report.metric("secret_rows").value == 1
    assert not any(secret[:8] in finding.message for finding in report.findings)
    assert secret not in (tmp_path / "secrets.jsonl").read_text()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("My key is AKIA" + "IOSFODNN7EXAMPLE.", id="documentation key"),
        pytest.param("Set GITHUB_TOKEN to ghp_" + "x" * 36, id="token of crosses"),
        pytest.param("Choose a password with at least twelve characters.", id="advice about passwords"),
        pytest.param("The code of conduct asks for unsportsmanlike behaviour to be reported.", id="prose"),
        pytest.param("Order 550e8400-e29b-41d4-a716-446655440000 has shipped.", id="universally unique id"),
    ],
)
def test_what_only_looks_like_a_credential_is_left_alone(make, tmp_path, text):
    report = data_secrets(make.context_with([make.instruction_row(0, "Tell me.", text)], tmp_path))

    assert report.findings == ()
    assert report.metric("secret_rows").value == 0


def test_clean_rows_carry_every_count_at_zero_and_an_upper_bound(make, tmp_path):
    rows = make.rows_of([(f"Add {n} and 2.", f"The sum is {n + 2}.") for n in range(50)])

    report = data_secrets(make.context_with(rows, tmp_path))

    values = {metric.name: metric.value for metric in report.metrics}
    assert values["secrets"] == 0
    assert values["secrets.critical"] == values["secrets.high"] == values["secrets.info"] == 0
    assert report.metric("secret_rate").high > 0


def test_findings_beyond_the_listed_ones_are_counted_and_attached(make, tmp_path):
    rows = make.rows_of([("Show me.", f"Use ghp_{drawn(36)}.") for _ in range(5)])

    report = data_secrets(make.context_with(rows, tmp_path), Params(listed_findings=2))

    assert len(report.findings) == 2
    assert report.metric("unlisted_findings").value == 3
    assert len((tmp_path / "secrets.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("rows", [pytest.param(None, id="no rows given"), pytest.param([], id="empty data set")])
def test_without_rows_the_question_stays_open(make, tmp_path, rows):
    assert data_secrets(make.context_with(rows, tmp_path)).status is Status.UNMEASURED
