"""Work over rows, chunk by chunk: in this process, in several, and as what a cluster runs."""
