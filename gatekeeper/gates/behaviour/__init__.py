"""Gates on what the model says, against champion and anchor."""
