"""Gates on tensors, read without running anything."""
