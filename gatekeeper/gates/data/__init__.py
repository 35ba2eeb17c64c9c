"""Gates on training rows."""
