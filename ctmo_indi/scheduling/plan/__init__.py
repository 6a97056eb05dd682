"""A scheduling driver that follows a plan of the whole night, made by ``ctmo_indi.planner``."""
