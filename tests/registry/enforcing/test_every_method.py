"""A method that MLflow adds is unknown until someone has looked at it."""

from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from gatekeeper.registry.enforcing.store import EnforcingStore

GUARDED = {
    "set_registered_model_alias", "delete_registered_model_alias", "create_registered_model",
    "rename_registered_model", "delete_registered_model", "set_registered_model_tag", "delete_registered_model_tag",
    "transition_model_version_stage", "delete_model_version", "set_model_version_tag", "delete_model_version_tag",
}  # fmt: skip
READS = {
    "search_registered_models", "get_registered_model", "get_latest_versions", "get_model_version",
    "get_model_version_download_uri", "search_model_versions", "get_model_version_by_alias", "search_prompts",
    "get_prompt", "get_prompt_version", "get_prompt_version_by_alias", "search_prompt_versions", "get_webhook",
    "list_webhooks", "list_webhooks_by_event", "supports_workspaces",
}  # fmt: skip
HARMLESS = {
    # Descriptions, new versions and copies: no alias moves, and a passport names its version.
    "update_registered_model", "update_model_version", "create_model_version", "copy_model_version",
    # Addresses that are told what happened.
    "create_webhook", "update_webhook", "delete_webhook", "test_webhook",
    # These tag versions or runs with links, under MLflow's own keys.
    "link_prompts_to_trace", "link_prompt_version_to_model", "link_prompt_version_to_run",
    "create_prompt_version",
}  # fmt: skip
BY_GUARDED = {
    "create_prompt": "create_registered_model",
    "delete_prompt": "delete_registered_model",
    "set_prompt_tag": "set_registered_model_tag",
    "delete_prompt_tag": "delete_registered_model_tag",
    "delete_prompt_version": "delete_model_version",
    "set_prompt_alias": "set_registered_model_alias",
    "delete_prompt_alias": "delete_registered_model_alias",
    "set_prompt_version_tag": "set_model_version_tag",
    "delete_prompt_version_tag": "delete_model_version_tag",
}


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


def test_every_public_method_of_mlflows_stores_is_classified():
    callable_or_property = public(AbstractStore) | {
        n for n in public(SqlAlchemyStore) if callable(getattr(SqlAlchemyStore, n))
    }

    assert callable_or_property == GUARDED | READS | HARMLESS | set(BY_GUARDED)


def test_every_guarded_method_is_our_own():
    assert {name for name in GUARDED if name not in vars(EnforcingStore)} == set()


def test_the_prompts_methods_go_through_the_guarded_ones():
    missed = {
        name for name, guarded in BY_GUARDED.items() if guarded not in getattr(EnforcingStore, name).__code__.co_names
    }

    assert missed == set()
