"""Policies as versioned YAML: loading, digest, decision and explanation."""
