"""Benchmark of loss weighters: four claims about them, by size of what is trained, learning rate and weight decay."""
