"""Who gave which rows, and who gave them together."""
