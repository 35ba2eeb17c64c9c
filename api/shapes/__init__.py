"""What the service sends: one closed shape for each thing."""
