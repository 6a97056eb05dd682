"""What becomes of a night when it is over: it is calibrated, what it lacks is taken, and again."""
