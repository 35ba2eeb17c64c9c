"""Run migrations on the connection :func:`gatekeeper.store.migrate.upgrade` hands over; there is no other mode."""

from alembic import context

from gatekeeper.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    # SQLite cannot alter a table in place: later migrations copy it.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
