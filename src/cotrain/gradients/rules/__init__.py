"""One backward step for K gradients at once, and its share of the Gramian: one file per kind of node."""
