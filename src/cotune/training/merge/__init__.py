"""Merging: one adapter out of several that were each trained on one dataset, one file each."""
