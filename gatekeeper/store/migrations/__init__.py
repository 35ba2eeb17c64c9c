"""Migrations, read by Alembic from this folder; :func:`gatekeeper.store.migrate.upgrade` is the only way in."""
