"""The application database: SQLite by default, PostgreSQL by URL.

Every table lives in :mod:`~gatekeeper.store.tables`; every query is a function that takes a session, in one module
per subject; only :meth:`gatekeeper.store.database.Store.transaction` commits.
"""
