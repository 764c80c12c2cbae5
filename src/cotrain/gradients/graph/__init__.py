"""What belongs to whom in the autograd graph."""
