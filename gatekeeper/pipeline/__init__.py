"""What happens to an update, in order."""
