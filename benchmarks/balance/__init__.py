"""Benchmark of balancers: do they beat equal weights with a tuned learning rate, at equal tokens and at equal time."""
