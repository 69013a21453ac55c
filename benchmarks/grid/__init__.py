"""Benchmark of fixed weights: a grid on the simplex, beside what weighs while it trains, and baselines."""
