"""Where the model registry is a database of this process: what an alias points to, in one statement.

MLflow's own way loads a model with its tags and newest versions to say the same, in five statements and eight times
the time, and aliases are asked about before every decision. MLflow promises nothing about its tables, so whatever
does not look as expected is left to MLflow's own way.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, select


def database_of(client: Any) -> Any | None:
    """Return the store of an ``MlflowClient`` whose registry is a database; ``None`` for a server or another kind."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    registry: Callable[[], Any] | None = getattr(client, "_get_registry_client", None)
    store = None if registry is None else getattr(registry(), "store", None)
    known = isinstance(store, SqlAlchemyStore) and hasattr(store, "engine") and hasattr(store, "_get_active_workspace")
    return store if known else None


def alias_versions(store: Any, model: str) -> dict[str, str]:
    """Return the version that each alias of a model points to; empty when there is no such model.

    Raises:
        SQLAlchemyError: the database cannot be asked.
    """
    workspace = store._get_active_workspace()  # noqa: SLF001  # the place that says which rows are ours
    with store.engine.connect() as connection:
        found = connection.execute(_aliases(), {"workspace": workspace, "name": model})
        return {row.alias: str(row.version) for row in found}


@lru_cache(maxsize=1)
def _aliases() -> Select[Any]:
    from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias as Alias

    return select(Alias.alias, Alias.version).where(
        Alias.workspace == bindparam("workspace"), Alias.name == bindparam("name")
    )
