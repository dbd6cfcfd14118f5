//! Dice: many requests at once on one or two nodes, faults in between, a crash at the end.
