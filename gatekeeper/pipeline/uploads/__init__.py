"""What proposers send instead of leaving it in the incoming folder: taken in, kept for a while, and gone."""
