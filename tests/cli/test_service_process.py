"""The service as a process of its own, with a real registry, a tiny real model and the typed client."""

import json
import shutil

import pytest
from pipeline_views import events_of
from service_process import served

from api.payloads import ProposalIn
from gatekeeper.cli.opening import load_own_key
from gatekeeper.cli.opening import workspace as opened_workspace
from gatekeeper.cli.settings import load_settings
from gatekeeper.client import Client, Refused

MODEL = "tiny"


def token_for(gatekeeper, name):
    return gatekeeper("token", "create", "--for", name, "--json").json["token"]


def test_an_update_of_a_real_model_goes_live_over_http(project, gatekeeper, tiny_world):
    incoming = project / "incoming"
    for name in ("base", "champion", "benign"):
        shutil.copytree(getattr(tiny_world, name), incoming / name)
    shutil.copyfile(tiny_world.rows["benign"], incoming / "rows.jsonl")
    tokens = {name: token_for(gatekeeper, name) for name in ("zelda", "dana", "kim")}
    keys = {name: load_own_key(load_settings(), name) for name in ("dana", "kim")}

    with (
        served("--incoming", incoming) as (url, _token),
        Client(url, tokens["zelda"]) as zelda,
        Client(url, tokens["dana"]) as dana,
        Client(url, tokens["kim"]) as kim,
    ):
        first = zelda.propose(
            ProposalIn(model=MODEL, name="first", artifact="incoming:champion", base="incoming:base", first=True)
        )
        assert zelda.run(zelda.update(first.id)).outcome == "ADMIT"
        dana.approve(dana.update(first.id), keys["dana"])
        assert kim.approve(kim.update(first.id), keys["kim"], comment="knows enough").state == "APPROVED"
        assert kim.promote(kim.update(first.id)).aliases == ["champion", "anchor"]

        update = zelda.propose(
            ProposalIn(model=MODEL, name="weekly", artifact="incoming:benign", data="incoming:rows.jsonl")
        )
        judged = zelda.run(zelda.update(update.id))
        assert (judged.outcome, judged.state) == ("ADMIT", "PENDING_APPROVAL")
        with pytest.raises(Refused) as early:
            kim.promote(kim.update(update.id))
        assert early.value.code == "state"
        assert dana.approve(dana.update(update.id), keys["dana"]).state == "APPROVED"
        assert kim.promote(kim.update(update.id)).version == "2"
        assert [each.by for each in dana.decisions(update.id)] == ["dana"]
        assert {report.gate for report in dana.evidence(update.id).reports} >= {"behaviour/regression"}
        assert [each.state for each in dana.updates(model=MODEL)] == ["ACTIVE", "SUPERSEDED"]

        back = dana.rollback(dana.model(MODEL), keys["dana"], reason="to see that it works")
        assert (back.version, back.previous) == ("1", "2")

    assert gatekeeper("verify", f"models:/{MODEL}@champion").code == 0
    assert gatekeeper("ledger", "verify").code == 0


def test_without_tokens_it_serves_one_person_on_this_machine(project, gatekeeper):
    with served() as (url, token), Client(url, token) as me:
        assert (me.me().name, me.me().token) == ("zelda", "lone")
        assert list(me.updates()) == []


def test_without_tokens_it_does_not_serve_others(project, gatekeeper):
    refused = gatekeeper("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104  # it must not listen there

    assert refused.code == 64
    assert "on this machine alone" in refused.err


def test_with_tokens_there_is_no_lone_user(project, gatekeeper):
    token_for(gatekeeper, "dana")

    with served() as (url, token), Client(url, "gk_guess") as nobody, pytest.raises(Refused) as refused:
        nobody.me()
    assert token is None
    assert refused.value.code == "no-token"


def test_whoever_leaves_the_project_is_out_at_once(project, gatekeeper):
    token = token_for(gatekeeper, "dana")

    with served() as (url, _token), Client(url, token) as dana:
        assert dana.me().roles == ["approver"]
        (project / "principals.toml").write_text('[people.zelda]\nroles = ["submitter"]\n', encoding="utf-8")
        with pytest.raises(Refused) as refused:
            dana.me()
    assert refused.value.code == "no-token"


def test_a_policy_that_stops_loading_stops_writes_alone(project, gatekeeper):
    token = token_for(gatekeeper, "zelda")

    with served() as (url, _token), Client(url, token, wait=lambda seconds: None) as zelda:
        (project / "policy.yaml").write_text("policy: [", encoding="utf-8")
        assert list(zelda.updates()) == []
        with pytest.raises(Refused) as refused:
            zelda.propose(ProposalIn(model=MODEL, name="x", artifact="models:/x/1"))
    assert refused.value.code == "policy"


def test_a_token_is_made_listed_and_ended(project, gatekeeper):
    made = gatekeeper("token", "create", "--for", "dana", "--role", "approver", "--days", "7", "--json").json
    listed = gatekeeper("token", "list", "--json").json["tokens"]
    ended_now = gatekeeper("token", "revoke", made["id"])
    after = gatekeeper("token", "list", "--json").json["tokens"]

    assert made["token"].startswith("gk_")
    assert [(each["for"], each["roles"], each["counts"]) for each in listed] == [("dana", ["approver"], True)]
    assert made["token"] not in json.dumps(listed)
    assert ended_now.code == 0
    assert [each["counts"] for each in after] == [False]
    with opened_workspace(load_settings(), reach=False) as workspace:
        assert events_of(workspace, made["id"]) == ["token.made", "token.ended"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--for", "mallory"), id="a-stranger"),
        pytest.param(("--for", "dana", "--role", "admin"), id="a-role-they-do-not-hold"),
        pytest.param(("--for", "dana", "--role", "root"), id="no-role"),
        pytest.param(("--for", "dana", "--days", "0"), id="no-time"),
        pytest.param(("--for", "dana", "--days", "nan"), id="no-number"),
    ],
)
def test_a_token_that_nobody_may_have_is_not_made(project, gatekeeper, arguments):
    assert gatekeeper("token", "create", *arguments).code == 64
    assert gatekeeper("token", "list", "--json").json["tokens"] == []
