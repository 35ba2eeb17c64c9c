"""One module per group of routes. Reads ask the store, writes call the pipeline; none of them thinks."""
