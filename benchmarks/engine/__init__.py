"""Benchmarks of the engine: many short trials, side by side with the trainers that one would use otherwise."""
