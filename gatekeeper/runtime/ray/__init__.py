"""Evaluation suites and rows on a Ray cluster: it computes parts and holds no state."""
