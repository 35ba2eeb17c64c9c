import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy import text

from gatekeeper.registry.enforcing import judge
from gatekeeper.registry.enforcing.names import Protected, folded
from gatekeeper.registry.enforcing.store import EnforcingStore
from tests.fakes.mlflow_server import passport, surroundings

TAG = "gatekeeper.passport.champion"


class Tag:
    def __init__(self, key, value):
        self.key, self.value = key, value


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEKEEPER_TRUST", surroundings(tmp_path / "site", judge=False)["GATEKEEPER_TRUST"])
    return f"gatekeeper+sqlite:///{tmp_path}/registry.db"


def test_without_a_trust_file_the_registry_does_not_open(address, monkeypatch):
    monkeypatch.delenv("GATEKEEPER_TRUST")

    with pytest.raises(MlflowException, match="needs a trust file"):
        EnforcingStore(address)


def test_with_workspaces_the_registry_does_not_open(address, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")

    with pytest.raises(MlflowException, match="workspaces"):
        EnforcingStore(address)


def test_what_is_no_passport_is_refused_by_the_real_checks(address):
    store = EnforcingStore(address)
    store.create_registered_model("helper")
    store.create_model_version("helper", "s3://bucket/model")
    store.set_model_version_tag("helper", "1", Tag(TAG, passport("helper", 1, None, 1)))

    with pytest.raises(MlflowException, match="not valid: signature") as caught:
        store.set_registered_model_alias("helper", "champion", "1")

    assert caught.value.error_code == "PERMISSION_DENIED"
    assert store.get_registered_model("helper").aliases == {}


def test_what_was_changed_by_hand_in_the_database_is_put_right_by_the_last_accepted_passport(address, monkeypatch):
    from audits.passport.binding import Binding

    class Reader:
        def binding(self, passport, revocations):
            import json

            return Binding(**json.loads(passport))

    monkeypatch.setattr(judge, "judge_for", lambda trust: Reader())
    store = EnforcingStore(address)
    store.create_registered_model("helper")
    for _ in range(2):
        store.create_model_version("helper", "s3://bucket/model")
    store.set_model_version_tag("helper", "1", Tag(TAG, passport("helper", 1, None, 1)))
    store.set_registered_model_alias("helper", "champion", "1")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE registered_model_aliases SET version = 2"))

    store.set_registered_model_alias("helper", "champion", "1")

    assert store.get_model_version_by_alias("helper", "champion").version == 1


@pytest.mark.parametrize("alias", ["Champion", "champion ", "champion\u200b", "ｃhampion", "cham\u00adpion"])
def test_a_spelling_of_a_protected_alias_looks_like_it_and_is_not_it(alias):
    protected = Protected(["champion"])

    assert protected.looks_like(alias)
    assert not protected.exactly(alias)


def test_another_alias_does_not_look_protected():
    assert not Protected(["champion"]).looks_like("champions")
    assert folded("Gatekeeper.Accepted.x") == "gatekeeper.accepted.x"
