"""One file per gate, by family."""
