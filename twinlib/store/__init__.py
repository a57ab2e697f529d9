"""Run records: a folder each, published by one atomic rename, checked by content, shared through any fsspec URL."""
