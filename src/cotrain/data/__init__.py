"""Tables: their schema, partial labels, splits and batches."""
