"""Per-task gradients, Gramians, and the balanced backward pass for PyTorch."""
