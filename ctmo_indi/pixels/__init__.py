"""Pixels: kernels and FITS image data, without any state of the project."""
