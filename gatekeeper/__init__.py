"""The gate around every weight or adapter update of a language model."""
