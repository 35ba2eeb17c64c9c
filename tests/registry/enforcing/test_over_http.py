"""What a plain MLflow client, or a raw request, can and cannot do to a protected alias."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.exceptions import MlflowException

from tests.fakes.mlflow_server import passport

TAG = "gatekeeper.passport.champion"


def standing(client, name):
    return str(client.get_registered_model(name).aliases.get("champion"))


def test_a_passport_that_covers_the_move_moves_the_alias(client, live):
    client.set_model_version_tag(live, "2", TAG, passport(live, 2, "1", 11))

    client.set_registered_model_alias(live, "champion", "2")

    assert standing(client, live) == "2"


def test_the_same_move_may_be_repeated(client, live):
    client.set_registered_model_alias(live, "champion", "1")

    assert standing(client, live) == "1"


def test_an_older_passport_cannot_be_replayed(client, live):
    client.set_model_version_tag(live, "2", TAG, passport(live, 2, "1", 11))
    client.set_registered_model_alias(live, "champion", "2")

    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        client.set_registered_model_alias(live, "champion", "1")

    assert standing(client, live) == "2"


def test_a_protected_alias_is_needed_for_nothing_else(client, live):
    client.set_registered_model_alias(live, "canary", "3")

    assert client.get_registered_model(live).aliases["canary"] == "3"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("{}", id="not a passport"),
        pytest.param("crash", id="one that breaks the judge"),
        pytest.param(lambda name: passport(name, 3, "1", 11), id="another version's"),
        pytest.param(lambda name: passport("other", 2, "1", 11), id="another model's"),
        pytest.param(lambda name: passport(name, 2, "1", 11, "anchor"), id="another alias's"),
        pytest.param(lambda name: passport(name, 2, "1", 10), id="an intent that was accepted"),
    ],
)
def test_a_version_without_a_covering_passport_is_refused(client, live, text):
    if text is not None:
        client.set_model_version_tag(live, "2", TAG, text if isinstance(text, str) else text(live))

    with pytest.raises(MlflowException, match="PERMISSION_DENIED") as caught:
        client.set_registered_model_alias(live, "champion", "2")

    assert "gatekeeper check" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert standing(client, live) == "1"


def test_a_passport_that_follows_another_version_is_a_conflict(client, live):
    client.set_model_version_tag(live, "2", TAG, passport(live, 2, "3", 11))

    with pytest.raises(MlflowException, match="RESOURCE_CONFLICT"):
        client.set_registered_model_alias(live, "champion", "2")

    assert standing(client, live) == "1"


REFUSED = {
    "delete the alias": lambda c, n: c.delete_registered_model_alias(n, "champion"),
    "rename the model": lambda c, n: c.rename_registered_model(n, n + "2"),
    "delete the model": lambda c, n: c.delete_registered_model(n),
    "delete the version": lambda c, n: c.delete_model_version(n, "1"),
    "delete the version, zero first": lambda c, n: c.delete_model_version(n, "01"),
    "stage Production": lambda c, n: c.transition_model_version_stage(n, "2", "Production"),
    "stage production": lambda c, n: c.transition_model_version_stage(n, "2", "production"),
    "forge an acceptance": lambda c, n: c.set_registered_model_tag(n, "gatekeeper.accepted.champion", "2:9"),
    "forget an acceptance": lambda c, n: c.delete_registered_model_tag(n, "gatekeeper.accepted.champion"),
    "forget revocations": lambda c, n: c.delete_registered_model_tag(n, "gatekeeper.revocations"),
    "born accepted": lambda c, n: c.create_registered_model(n + "3", {"gatekeeper.accepted.anchor": "1:0"}),
    "change the live version's tag": lambda c, n: c.set_model_version_tag(n, "1", "gatekeeper.update", "x"),
    "change the live version's passport": lambda c, n: c.set_model_version_tag(n, "1", TAG, "{}"),
    "remove the live version's passport": lambda c, n: c.delete_model_version_tag(n, "1", TAG),
    "another case": lambda c, n: c.set_registered_model_alias(n, "Champion", "2"),
    "wide letters": lambda c, n: c.set_registered_model_alias(n, "ｃhampion", "2"),
    "delete another case": lambda c, n: c.delete_registered_model_alias(n, "CHAMPION"),
}  # fmt: skip


@pytest.mark.parametrize("call", [pytest.param(call, id=name) for name, call in REFUSED.items()])
def test_what_could_move_or_orphan_the_alias_is_refused(client, live, call):
    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        call(client, live)

    assert standing(client, live) == "1"


def test_a_prompts_alias_is_as_protected(client):
    client.register_prompt("greeting", "Say hello.")

    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        client.set_prompt_alias("greeting", "champion", 1)

    assert client.get_prompt_version("greeting", 1).aliases == []


def test_a_copy_brings_no_right_with_it(client, live):
    copy = client.copy_model_version(f"models:/{live}/1", live + " copy")

    with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
        client.set_registered_model_alias(live + " copy", "champion", copy.version)

    assert client.get_registered_model(live + " copy").aliases == {}


def test_a_passport_that_is_still_good_may_be_attached_again(client, live):
    client.set_model_version_tag(live, "1", TAG, passport(live, 1, None, 10))

    assert TAG in client.get_model_version(live, "1").tags


@pytest.mark.parametrize("alias", ["champion ", "champion\u200b", " champion", "champion\n", "cham\u00adpion"])
def test_an_invisible_difference_in_the_alias_is_refused(client, live, alias):
    with pytest.raises(MlflowException):
        client.set_registered_model_alias(live, alias, "2")

    assert client.get_registered_model(live).aliases == {"champion": "1"}


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow"])
@pytest.mark.parametrize(
    ("method", "path", "extra"),
    [
        ("POST", "registered-models/alias", {"alias": "champion", "version": "2"}),
        ("DELETE", "registered-models/alias", {"alias": "champion"}),
        ("DELETE", "registered-models/delete", {}),
        ("POST", "registered-models/rename", {"new_name": "elsewhere"}),
        ("DELETE", "model-versions/delete", {"version": "1"}),
        ("POST", "model-versions/transition-stage", {"version": "2", "stage": "Production"}),
    ],
)
def test_a_raw_request_is_refused_too(server, client, live, prefix, method, path, extra):
    request = urllib.request.Request(  # noqa: S310
        f"{server}{prefix}/{path}",
        data=json.dumps({"name": live, **extra}).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)  # noqa: S310

    # MLflow serves the preview paths to its older calls alone.
    assert caught.value.code in ({403, 404} if "preview" in prefix else {403})
    assert standing(client, live) == "1"


def test_of_fifty_promoters_at_once_exactly_one_wins(client, live):
    versions = [client.create_model_version(live, source="s3://bucket/model").version for _ in range(50)]
    for number, version in enumerate(versions):
        client.set_model_version_tag(live, version, TAG, passport(live, int(version), "1", 100 + number))

    def promote(version):
        try:
            client.set_registered_model_alias(live, "champion", version)
        except MlflowException as error:
            return error.error_code
        return version

    with ThreadPoolExecutor(50) as pool:
        said = list(pool.map(promote, versions))

    winners = [answer for answer in said if answer in versions]
    assert len(winners) == 1
    assert standing(client, live) == winners[0]
    assert {answer for answer in said if answer not in versions} <= {"PERMISSION_DENIED", "RESOURCE_CONFLICT"}
