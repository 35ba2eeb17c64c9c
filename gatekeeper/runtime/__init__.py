"""Durable evaluation: a queue, workers that take runs from it, and what survives when one of them dies."""
