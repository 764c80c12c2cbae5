"""The passes that end in `.grad`."""
