"""Command line: one module per command group; commands parse and call."""
