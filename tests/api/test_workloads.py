"""CI jobs that come with their platform's own token: GitHub Actions and GitLab, as their claims really look."""

import dataclasses
import http.server
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from browsing import Browser
from people import PEOPLE, person
from provider import Platform, curve, rsa, signed, unsigned
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import Person, World, as_json

from api.federation.keys import BETWEEN, FRESH, KEPT, Keys
from api.federation.workloads import Rule, Workloads, require_rule
from api.problems import Problem
from gatekeeper.core.errors import UsageError

GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.example"
OURS = "https://gate.example"

HUB_RULE = Rule(
    issuer=GITHUB,
    audience=OURS,
    person="robot",
    claims={
        "repository": ("acme/support-bot",),
        "repository_id": ("74",),
        "ref": ("refs/heads/main",),
        "environment": ("production",),
    },
)
LAB_RULE = Rule(
    issuer=GITLAB,
    audience=OURS,
    person="trainer",
    claims={
        "project_path": ("acme/support-bot",),
        "ref": ("main", "release"),
        "ref_type": ("branch",),
        "ref_protected": ("true",),
    },
)


def github(**changed):
    """What GitHub Actions says of a job."""
    now = int(time.time())
    return {
        "jti": "6f4d1b1e-6c9f-4a8e-9a44-0b8f2c0d9f11",
        "sub": "repo:acme/support-bot:environment:production",
        "aud": OURS,
        "ref": "refs/heads/main",
        "sha": "0" * 40,
        "repository": "acme/support-bot",
        "repository_owner": "acme",
        "repository_owner_id": "65",
        "repository_id": "74",
        "repository_visibility": "private",
        "run_id": "1", "run_number": "10", "run_attempt": "2",
        "actor": "octocat", "actor_id": "12",
        "workflow": "train", "head_ref": "", "base_ref": "", "event_name": "push",
        "ref_type": "branch", "ref_protected": "true", "environment": "production",
        "workflow_ref": "acme/support-bot/.github/workflows/train.yml@refs/heads/main",
        "job_workflow_ref": "acme/support-bot/.github/workflows/train.yml@refs/heads/main",
        "runner_environment": "github-hosted",
        "iss": GITHUB,
        "nbf": now - 300, "exp": now + 300, "iat": now,
        **changed,
    }  # fmt: skip


def gitlab(**changed):
    """What GitLab says of a job."""
    now = int(time.time())
    return {
        "namespace_id": "72", "namespace_path": "acme", "project_id": "20", "project_path": "acme/support-bot",
        "user_id": "1", "user_login": "jo", "user_email": "jo@example.org", "user_access_level": "owner",
        "job_project_id": "20", "job_project_path": "acme/support-bot",
        "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
        "environment": "production", "environment_protected": "true", "deployment_tier": "production",
        "runner_id": 1, "runner_environment": "self-hosted", "sha": "0" * 40,
        "ci_config_ref_uri": "gitlab.example/acme/support-bot//.gitlab-ci.yml@refs/heads/main",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iss": GITLAB, "iat": now, "nbf": now - 5, "exp": now + 300,
        "sub": "project_path:acme/support-bot:ref_type:branch:ref:main", "aud": OURS,
        **changed,
    }  # fmt: skip


CI = {**PEOPLE, "robot": person("robot", "service"), "trainer": person("trainer", "submitter")}


class Both:
    """A fetcher for both platforms."""

    def __init__(self, *platforms):
        self.platforms = platforms

    def get(self, url):
        return next(each for each in self.platforms if url.startswith(each.issuer)).fetcher.get(url)


@pytest.fixture
def platforms():
    hub, lab = Platform(GITHUB), Platform(GITLAB)
    lab.keys = [rsa("lab")]
    return hub, lab


@pytest.fixture
def world(tmp_path, policy, platforms):
    registry = FakeRegistry(root=tmp_path / "registry")
    workspace = quick_workspace(tmp_path, registry, policies=(policy,), people=CI)
    workloads = Workloads([HUB_RULE, LAB_RULE], fetcher=Both(*platforms))
    yield World(workspace, tmp_path, policy, workloads=workloads)
    workspace.store.close()


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """The same for everything that is refused, and so leaves nothing behind."""
    root, policy = tmp_path_factory.mktemp("steady"), quick_policy()
    hub, lab = Platform(GITHUB), Platform(GITLAB)
    lab.keys = [rsa("lab")]
    opened = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,), people=CI)
    yield World(opened, root, policy, workloads=Workloads([HUB_RULE, LAB_RULE], fetcher=Both(hub, lab)))
    opened.store.close()


def called(world, token):
    return world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def lab_token(**changed):
    return signed(gitlab(**changed), key=rsa("lab"))


def test_a_job_of_either_platform_is_the_program_that_its_rule_names(world):
    hub, lab = called(world, signed(github())), called(world, lab_token())

    assert (hub.json()["name"], hub.json()["roles"]) == ("robot", ["service"])
    assert (lab.json()["name"], lab.json()["roles"]) == ("trainer", ["submitter"])


def test_a_job_proposes_and_promotes_and_never_decides(world):
    robot = Person(world.client, signed(github()), "robot")
    update = robot.propose(world.folder(), first=True).json()["id"]
    assert robot.run(update).status_code == 201

    _etag, seen = robot.seen(update)
    refused = robot.post(f"/v1/updates/{update}/approve", {"seen": seen}, etag=_etag)
    for each in (world.dana, world.kim):
        assert each.decide(update).status_code == 200

    assert as_json(refused) == (403, "not-allowed")
    assert robot.promote(update).status_code == 200


def test_a_job_opens_no_page(world):

    assert Browser(world.app).sign_in(signed(github())).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"aud": "https://github.com/acme"}, id="audience"),
        pytest.param({"aud": [OURS, "https://other.example"]}, id="two-audiences"),
        pytest.param({"aud": OURS + "/"}, id="nearly-our-audience"),
        pytest.param({"iss": "https://evil.example"}, id="issuer"),
        pytest.param({"iss": GITHUB + "/acme"}, id="issuer-of-an-enterprise"),
        pytest.param({"iss": GITLAB}, id="the-other-platform"),
        pytest.param({"repository": "acme/support-bot-2"}, id="longer-name"),
        pytest.param({"repository": "evil/support-bot"}, id="fork"),
        pytest.param({"repository": "ACME/support-bot"}, id="spelling"),
        pytest.param({"repository": ["acme/support-bot"]}, id="a-list"),
        pytest.param({"repository_id": "75"}, id="name-taken-over"),
        pytest.param({"repository_id": 74}, id="a-number"),
        pytest.param({"ref": "refs/heads/main2"}, id="branch"),
        pytest.param({"ref": "refs/tags/main"}, id="tag"),
        pytest.param({"ref": "refs/pull/7/merge"}, id="pull-request"),
        pytest.param({"environment": "staging"}, id="environment"),
        pytest.param({"exp": int(time.time()) - 120, "iat": int(time.time()) - 400}, id="expired"),
        pytest.param({"exp": int(time.time()) + 86_400}, id="counts-for-a-day"),
        pytest.param({"iat": int(time.time()) + 600, "exp": int(time.time()) + 900}, id="from-the-future"),
        pytest.param({"nbf": int(time.time()) + 600}, id="not-yet"),
    ],
)
def test_a_job_that_differs_in_anything_the_rule_names_is_nobody(steady, changed):
    answered = called(steady, signed(github(**changed)))

    assert as_json(answered) == (401, "no-token")
    assert answered.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"project_path": "acme/support-bot/sub"}, id="subgroup"),
        pytest.param({"ref": "feature"}, id="branch"),
        pytest.param({"ref_type": "tag"}, id="tag-of-that-name"),
        pytest.param({"ref_protected": "false"}, id="not-protected"),
        pytest.param({"ref_protected": True}, id="another-kind"),
        pytest.param({"exp": int(time.time()) + 7300}, id="two-hours"),
    ],
)
def test_a_gitlab_job_that_differs_is_nobody(steady, changed):
    assert as_json(called(steady, lab_token(**changed))) == (401, "no-token")


def test_a_claim_that_is_missing_fulfils_no_rule(steady):
    for name in HUB_RULE.claims:
        claims = github()
        claims.pop(name)
        assert as_json(called(steady, signed(claims))) == (401, "no-token")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: unsigned({"alg": "none"}, github()), id="none"),
        pytest.param(lambda: unsigned({"alg": "HS256", "kid": "one"}, github(), b"x"), id="shared-secret"),
        pytest.param(lambda: signed(github(), key=rsa("mallory"), kid="one"), id="another-key"),
        pytest.param(lambda: signed(github(), key=rsa("lab")), id="the-other-platforms-key"),
        pytest.param(lambda: signed(github(), key=curve(), algorithm="ES256"), id="unknown-key"),
        pytest.param(lambda: signed(github())[:-3] + "AAA", id="signature"),
        pytest.param(lambda: "..", id="nothing"),
        pytest.param(lambda: "a.b.c", id="no-token"),
        pytest.param(lambda: "é.b.c", id="not-ascii"),
        pytest.param(lambda: "x" * 17_000 + ".b.c", id="long"),
        pytest.param(lambda: "W10." * 2 + "x", id="lists"),
    ],
)
def test_a_token_that_the_platform_did_not_sign_is_nobodys(steady, token):
    answered = steady.client.get("/v1/me", headers={"Authorization": f"Bearer {token()}".encode()})

    assert as_json(answered) == (401, "no-token")


def test_a_job_whose_program_may_decide_by_now_is_refused(world):
    service = world.app.state.service
    people = {**CI, "robot": person("robot", "submitter", "approver")}
    service.settings = dataclasses.replace(
        service.settings, refresh=lambda opened: dataclasses.replace(opened, principals=people)
    )

    assert as_json(called(world, signed(github()))) == (401, "no-token")


def test_a_job_that_two_programs_could_be_is_neither(tmp_path, policy, platforms):
    second = dataclasses.replace(HUB_RULE, person="trainer")
    workloads = Workloads([HUB_RULE, second], fetcher=Both(*platforms))

    with pytest.raises(Problem, match="does not count"):
        workloads.person(signed(github()))


def test_a_platform_that_is_down_lets_nobody_in_and_is_asked_once_a_minute(world, platforms):
    platforms[0].down = True

    answers = [as_json(called(world, signed(github()))) for _ in range(3)]

    assert answers[0] == (503, "provider")
    assert {status for status, _code in answers} == {503}
    assert len(platforms[0].asked) == 1
    assert called(world, lab_token()).status_code == 200


def test_unknown_keys_make_the_service_ask_once_a_minute_at_most(world, platforms):
    called(world, signed(github()))

    for number in range(5):
        called(world, signed(github(), kid=f"made-up-{number}"))

    assert platforms[0].asked.count("/keys") == 1


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


def test_keys_are_kept_while_the_platform_is_down_and_for_an_hour_at_most():
    hub, clock = Platform(GITHUB), Clock()
    keys = Keys(lambda: hub.fetcher.get(f"{GITHUB}/keys"), now=clock)
    assert keys.find("RS256", "one")
    hub.down = True

    clock.now += FRESH
    assert keys.find("RS256", "one")
    clock.now += KEPT - FRESH
    with pytest.raises(Problem, match="does not answer"):
        keys.find("RS256", "one")
    hub.down = False
    clock.now += BETWEEN
    assert keys.find("RS256", "one")


def test_a_key_that_the_platform_withdraws_counts_no_longer_than_it_is_fresh():
    hub, clock = Platform(GITHUB), Clock()
    keys = Keys(lambda: hub.fetcher.get(f"{GITHUB}/keys"), now=clock)
    assert keys.find("RS256", "one")
    hub.keys = [rsa("two")]

    clock.now += FRESH

    assert keys.find("RS256", "one") is None
    assert keys.find("RS256", "two")


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(None, id="nothing"),
        pytest.param("keys", id="words"),
        pytest.param([None, 7, {}], id="no-keys"),
        pytest.param([{"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "RS256"}], id="shared-secret"),
        pytest.param([{**rsa().as_dict(private=False), "use": "enc"}], id="for-encryption"),
        pytest.param([{**rsa().as_dict(private=False), "alg": "PS256"}], id="for-another-algorithm"),
        pytest.param([{"kty": "RSA", "kid": "one", "e": "AQAB", "n": "AQAB"}], id="short"),
        pytest.param([rsa().as_dict(private=False)] * 2, id="twice"),
    ],
)
def test_keys_that_are_none_are_not_used(listed):
    assert Keys(lambda: {"keys": listed}).find("RS256", "one") is None


def test_a_token_is_checked_against_a_key_server_over_the_network():
    class Serving(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {
                "/.well-known/openid-configuration": {"issuer": here, "jwks_uri": f"{here}/keys"},
                "/keys": {"keys": [rsa().as_dict(private=False)]},
            }
            if self.path not in found:
                self.send_response(302)
                self.send_header("Location", f"{here}/keys")
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(found[self.path]).encode())

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_address[1]}"
    rules = [
        Rule(issuer=here, audience=OURS, person="robot", claims=HUB_RULE.claims),
        Rule(issuer=f"{here}/elsewhere", audience=OURS, person="robot", claims=HUB_RULE.claims),
    ]
    try:
        workloads = Workloads(rules)

        assert workloads.person(signed(github(iss=here))) == "robot"
        with pytest.raises(Problem, match="does not answer"):  # a redirect is not followed
            workloads.person(signed(github(iss=f"{here}/elsewhere")))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"claims": {"ref": ("refs/heads/main",)}}, "whose job", id="anybodys"),
        pytest.param({"claims": {"repository": ("acme/a",)}}, "any job", id="any-branch"),
        pytest.param({"claims": {"repository_owner": ("acme",), "ref": ("refs/heads/main",)}}, "whose", id="owner"),
        pytest.param({"claims": {"sub": ("repo:acme/*:ref:refs/heads/main",)}}, "pattern", id="star"),
        pytest.param({"claims": {"sub": ("repo:acme/a:ref:refs/heads/mai?",)}}, "pattern", id="question-mark"),
        pytest.param({"claims": {"sub": ()}}, "nothing", id="no-value"),
        pytest.param({"claims": {"sub": ("",)}}, "nothing", id="empty"),
        pytest.param({"claims": {"project_path": ("a/b",), "ref": ("main",)}}, "tag", id="tag-or-branch"),
        pytest.param({"person": "dana"}, "service or submitter", id="may-decide"),
        pytest.param({"person": "nobody"}, "nobody in principals", id="unknown"),
        pytest.param({"issuer": "http://gitlab.example"}, "no https address", id="plain-http"),
        pytest.param({"issuer": "https://u:p@gitlab.example"}, "no https address", id="with-a-user"),
    ],
)
def test_a_rule_that_lets_in_more_than_is_meant_does_not_load(changed, says):
    with pytest.raises(UsageError, match=says):
        require_rule(dataclasses.replace(HUB_RULE, **changed), CI)


def test_both_rules_of_these_tests_load():
    assert require_rule(HUB_RULE, CI) is HUB_RULE
    assert require_rule(LAB_RULE, CI).longest == timedelta(hours=1)
