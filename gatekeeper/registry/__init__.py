"""MLflow as the model registry."""
