"""How a night was: where each second went, what became of orders and frames, and an alarm."""
