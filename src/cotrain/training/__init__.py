"""The fit loop, its checkpoints and its history."""
