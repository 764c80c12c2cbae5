"""The loop over rounds and its parts: labelling, records, the choice of strategy, the student."""
