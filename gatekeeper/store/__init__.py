"""Every table, its queries and migrations."""
