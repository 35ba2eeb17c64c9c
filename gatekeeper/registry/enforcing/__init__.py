"""The MLflow registry store that moves a protected alias only for a valid passport.

MLflow finds :class:`~gatekeeper.registry.enforcing.store.EnforcingStore` through the entry points of the group
``mlflow.model_registry_store``; only that module loads MLflow.
"""
