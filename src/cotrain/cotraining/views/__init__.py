"""Views: parts of the inputs that peers are shown, and inputs made harder to read."""
