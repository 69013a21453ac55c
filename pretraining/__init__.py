"""How the shipped predictor was trained beforehand: real small pools, problems drawn from them, one network."""
