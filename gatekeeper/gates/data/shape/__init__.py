"""Expectations on the rows as a table."""
