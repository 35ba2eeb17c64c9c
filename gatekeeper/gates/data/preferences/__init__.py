"""What chosen and rejected answers teach."""
