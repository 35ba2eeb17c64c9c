"""Where weights live and which of them an alias points to: the port, and MLflow behind it.

Import :mod:`~gatekeeper.registry.port` for the shapes; :mod:`~gatekeeper.registry.mlflow_registry` loads MLflow only
when its first call is made.
"""
