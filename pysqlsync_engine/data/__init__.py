"""Rows to server: sources, encoding, batches and streams."""
