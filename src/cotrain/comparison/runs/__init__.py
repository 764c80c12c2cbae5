"""A training run beside its references, and the look at its data before."""
