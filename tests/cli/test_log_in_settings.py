"""Log-ins and workloads in the settings: what `trust pin` writes down, and what is wrong said in one sentence."""

import json
import os

import pytest

from api.dashboard.sessions import Sessions
from audits.passport.trust import load_trust
from gatekeeper.cli.log_in import federation_of
from gatekeeper.cli.main import run
from gatekeeper.cli.opening import workspace
from gatekeeper.cli.settings import load_settings
from gatekeeper.core.errors import UsageError

ISSUER = "http://127.0.0.1:9"
LOG_IN = {
    "issuer": ISSUER,
    "client_id": "gatekeeper",
    "client_secret_file": "secret",
    "address": "http://127.0.0.1:8780",
    "approves": ["approver"],
}
WORKLOAD = {
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": "https://gate.example",
    "person": "robot",
    "claims": {"repository": "acme/support-bot", "ref": ["refs/heads/main"]},
}
PEOPLE = f"""
[people.zelda]
roles = ["submitter"]
[people.dana]
roles = ["approver"]
log_in = {{ issuer = "{ISSUER}", sub = "dana-at-id" }}
[people.robot]
roles = ["service"]
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A project as `init` leaves it."""
    folder = tmp_path_factory.mktemp("log-in")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEKEEPER_KEYS_DIR", str(folder / "own-keys"))
        patch.setenv("GATEKEEPER_ACTOR", "zelda")
        assert run(["init", str(folder / "project"), "--json"]) == 0
    return folder / "project"


@pytest.fixture
def project(empty, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GATEKEEPER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEKEEPER_KEYS_DIR", str(empty.parent / "own-keys"))
    monkeypatch.setenv("GATEKEEPER_ACTOR", "zelda")
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(empty)
    (empty / "secret").write_text("s3cret\n")
    (empty / "secret").chmod(0o600)
    (empty / "principals.toml").write_text(PEOPLE)
    return empty


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


def write(project, *, log_in=LOG_IN, workloads=(), before=""):
    tables = [("[log_in]", log_in)] if log_in else []
    tables += [("[[workloads]]", each) for each in workloads]
    text = 'policy = "policy.yaml"\n' + before
    for head, values in tables:
        text += f"{head}\n" + "".join(f"{name} = {toml(value)}\n" for name, value in values.items())
    (project / "gatekeeper.toml").write_text(text)


def started():
    """What the service would be told."""
    settings = load_settings()
    with workspace(settings, reach=False) as opened:
        return federation_of(settings, opened)


def test_pinning_makes_the_key_and_names_whoever_logs_in_without_a_name(project, capsys):
    write(project)
    capsys.readouterr()

    assert run(["trust", "pin"]) == 0

    said, text = capsys.readouterr().out, (project / "trust.toml").read_text()
    trust = load_trust(project / "trust.toml")
    assert (project / ".gatekeeper/keys/log-in.pem").stat().st_mode & 0o077 == 0
    (service,) = trust.log_ins
    assert (service.issuer, service.roles, service.minutes) == (ISSUER, ("approver",), 15.0)
    assert [each.roles for each in trust.subjects] == [("approver",)]
    assert "dana" not in text
    assert f"key for log-ins {service.key} at {ISSUER}, up to 15 minutes (approver)" in said
    capsys.readouterr()
    assert run(["trust", "pin"]) == 0
    assert "nothing changed" in capsys.readouterr().out


def test_the_service_is_told_what_was_set(project):
    write(project, workloads=[WORKLOAD])
    assert run(["trust", "pin"]) == 0

    found = started()

    settings = found["provider"].settings
    assert (settings.redirect_uri, settings.secret) == ("http://127.0.0.1:8780/sign-in/return", "s3cret")
    assert found["log_in"].approves == {"approver"}
    assert found["workloads"] is not None
    assert "s3cret" not in repr(settings)


def test_a_provider_that_does_not_answer_is_said_and_keeps_the_service_from_nothing(project, capsys):
    write(project, log_in={**LOG_IN, "approves": []})
    capsys.readouterr()

    assert started()["provider"] is not None
    assert f"{ISSUER} does not answer" in capsys.readouterr().err


def test_the_secret_may_come_from_the_environment(project, monkeypatch):
    write(project, log_in={**{k: v for k, v in LOG_IN.items() if k != "client_secret_file"}, "approves": []})
    monkeypatch.setenv("GATEKEEPER_LOG_IN_SECRET", "from outside")

    assert started()["provider"].settings.secret == "from outside"
    assert "from outside" not in repr(load_settings())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"issuer": "http://id.example"}, "no https address", id="plain-http"),
        pytest.param({"issuer": "id.example"}, "no https address", id="no-scheme"),
        pytest.param({"issuer": "https://other.example"}, "dana logs in at", id="another-issuer"),
        pytest.param({"address": "http://gate.example"}, "no https address", id="address-in-the-clear"),
        pytest.param({"address": "https://gate.example/gate"}, "has a path", id="path"),
        pytest.param({"address": "https://gate.example?x=1"}, "no https address", id="query"),
        pytest.param({"claim": "email"}, "dana logs in at", id="another-claim"),
        pytest.param({"claim": "name"}, "log_in.claim", id="display-name"),
        pytest.param({"client_secret_file": "nothing"}, "cannot be read", id="no-secret-file"),
        pytest.param({"minutes": 0}, "log_in.minutes", id="no-time"),
        pytest.param({"minutes": 30}, "trust file says something else", id="more-time-than-verifiers-give"),
        pytest.param({"approves": ["approver", "admin"]}, "trust file says something else", id="more-roles"),
        pytest.param({"scopes": ["openid email"]}, "log_in.scopes", id="scope"),
        pytest.param({"client_secret": "s3cret"}, "log_in.client_secret", id="secret-in-the-file"),
    ],
)
def test_wrong_settings_are_said_in_one_sentence_with_a_hint(project, changed, says):
    write(project)
    run(["trust", "pin", "--replace"])
    write(project, log_in={**LOG_IN, **changed})

    with pytest.raises(UsageError, match=says) as caught:
        started()

    assert caught.value.hint
    assert "s3cret" not in caught.value.message


def test_a_secret_that_others_can_read_is_refused(project):
    write(project, log_in={**LOG_IN, "approves": []})
    (project / "secret").chmod(0o644)

    with pytest.raises(UsageError, match="read or written by others"):
        started()


def test_two_secrets_are_one_too_many(project, monkeypatch):
    write(project, log_in={**LOG_IN, "approves": []})
    monkeypatch.setenv("GATEKEEPER_LOG_IN_SECRET", "another")

    with pytest.raises(UsageError, match="two secrets"):
        started()


def test_a_secret_in_the_settings_file_is_refused(project):
    write(project, before='log_in_secret = "s3cret"\n')

    with pytest.raises(UsageError, match="holds a secret"):
        load_settings()


def test_a_wrong_workload_is_refused(project):
    write(project, log_in=None, workloads=[{**WORKLOAD, "claims": {"repository": "acme/*", "ref": "refs/heads/main"}}])

    with pytest.raises(UsageError, match="pattern"):
        started()


@pytest.mark.parametrize(
    ("log_in", "says"),
    [
        pytest.param('{ issuer = "https://id.example" }', "one of sub and email", id="nobody"),
        pytest.param('{ issuer = "https://id.example", sub = "a", email = "a@b" }', "one of sub and", id="two"),
        pytest.param('{ issuer = "https://id.example", name = "Dana" }', "no list of people", id="display-name"),
        pytest.param('{ issuer = "https://id.example", email = "dаna@b" }', "no list of people", id="looks-alike"),
    ],
)
def test_a_person_is_named_by_one_claim_that_cannot_be_chosen(project, log_in, says):
    write(project)
    (project / "principals.toml").write_text(f'[people.dana]\nroles = ["approver"]\nlog_in = {log_in}\n')

    with pytest.raises(UsageError, match=says):
        started()


def test_one_log_in_is_not_two_people(project):
    write(project)
    (project / "principals.toml").write_text(
        PEOPLE + f'[people.kim]\nroles = []\nlog_in = {{ issuer = "{ISSUER}", sub = "dana-at-id" }}\n'
    )

    with pytest.raises(UsageError, match="two people"):
        started()


def test_the_command_ends_with_usage(project, capsys):
    write(project, log_in={**LOG_IN, "issuer": "http://id.example"})
    capsys.readouterr()

    assert run(["serve", "--port", "0", "--json"]) == 64
    assert "no https address" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_an_administrator_ends_every_session_of_somebody(project, capsys):
    write(project, log_in=None)
    with workspace(load_settings(), reach=False) as opened:
        with opened.store.transaction() as session:
            holders = {name: opened.remember(session, name) for name in ("zelda", "dana")}
        sessions = Sessions(opened.store)
        held = {name: [sessions.begin(holder, log_in={}) for _ in range(2)] for name, holder in holders.items()}
        capsys.readouterr()

        assert run(["token", "sign-out", "--for", "dana", "--json"]) == 0

        assert json.loads(capsys.readouterr().out) == {"person": "dana", "ended": 2}
        assert [sessions.find(each) for each in held["dana"]] == [None, None]
        assert all(sessions.find(each) for each in held["zelda"])
