"""A finding that people accept until a date: who may, what it changes, and whether it still counts."""
