"""Service: REST routes and pages over the pipeline."""
