"""Losses of single tasks, one file each."""
