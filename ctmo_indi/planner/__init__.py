"""Planning of a whole night: what can be seen when, what a plan is worth, how good it can be."""
