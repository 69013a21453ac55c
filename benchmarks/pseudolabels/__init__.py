"""Benchmark of pseudo-labels: what they gain where few rows have labels."""
