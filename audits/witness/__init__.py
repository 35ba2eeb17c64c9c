"""A witness: somebody else's small process that remembers what a log was and cosigns only what continues it."""
