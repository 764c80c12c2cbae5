"""What keeps a round from doing harm."""
