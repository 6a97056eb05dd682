"""Operation modes: how targets are produced, and what they are made of."""
