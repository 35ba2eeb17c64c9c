"""Where the questions of a suite stand in other text."""
