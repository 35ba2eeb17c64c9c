"""Aliases read from the registry's own table are those that MLflow says, and nothing is read that looks different."""

import shutil
from types import SimpleNamespace

import pytest

from gatekeeper.core.errors import RegistryError
from gatekeeper.registry import mlflow_rows
from gatekeeper.registry.mlflow_registry import MlflowRegistry


@pytest.fixture
def registry(empty_mlflow, tmp_path):
    """A registry in a database, with two models."""
    made = MlflowRegistry(f"sqlite:///{shutil.copyfile(empty_mlflow, tmp_path / 'mlflow.db')}")
    (tmp_path / "stored").mkdir()
    for model, count in (("helper", 3), ("other", 1)):
        made.ensure_model(model)
        for _ in range(count):
            made._client.create_model_version(model, source=(tmp_path / "stored").as_uri())
    return made


def test_they_are_those_that_mlflow_says(registry):
    client = registry._client
    for model, alias, version in (("helper", "champion", "3"), ("helper", "anchor", "1"), ("other", "champion", "1")):
        client.set_registered_model_alias(model, alias, version)

    for model in ("helper", "other"):
        said = {alias: str(version) for alias, version in client.get_registered_model(model).aliases.items()}
        assert registry.alias_versions(model) == said
    assert registry.alias_versions("nobody") == {}

    client.delete_registered_model_alias("helper", "anchor")
    assert registry.alias_versions("helper") == {"champion": "3"}


def test_a_registry_in_a_database_is_read_the_short_way(registry, monkeypatch):
    def never(name):
        raise AssertionError("MLflow's own way was taken")

    monkeypatch.setattr(registry._client, "get_registered_model", never)

    assert registry.alias_version("helper", "champion") is None


def test_a_server_is_asked_mlflows_own_way():
    class Remote:
        pass

    assert mlflow_rows.database_of(SimpleNamespace()) is None
    assert (
        mlflow_rows.database_of(SimpleNamespace(_get_registry_client=lambda: SimpleNamespace(store=Remote()))) is None
    )


def test_a_database_that_fails_is_one_sentence(registry):
    assert registry.alias_versions("helper") == {}
    with registry._database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE registered_model_aliases")

    with pytest.raises(RegistryError, match="could not read the aliases of helper"):
        registry.alias_versions("helper")
