"""Balancers: how the tasks' losses or gradients of one step are merged, one file each."""
