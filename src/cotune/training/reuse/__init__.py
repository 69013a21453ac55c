"""Reuse: a dataset's adapter put together, layer by layer, from adapters that are there; nothing is trained."""
