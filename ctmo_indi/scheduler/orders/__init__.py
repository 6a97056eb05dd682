"""Orders and attempts: taken, begun, followed, settled."""
