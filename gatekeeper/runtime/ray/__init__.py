"""Evaluation suites on a Ray cluster: it computes shards and holds no state."""
