"""A training file by itself, with no project or registry: which rows may be learned from, and why others wait."""
