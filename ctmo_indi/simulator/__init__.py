"""Simulated nights: the sky in the simulators' frames and what a demo asks for."""
