"""The Learner and its configuration file."""
