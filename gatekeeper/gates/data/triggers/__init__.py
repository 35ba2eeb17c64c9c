"""Tests for hidden triggers: what a row teaches that has nothing to do with its prompt."""
