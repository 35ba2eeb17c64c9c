"""Gates on the files of an artifact; none of them loads a model."""
