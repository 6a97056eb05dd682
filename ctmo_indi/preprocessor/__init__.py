"""The preprocessor service: night bundles to calibrated frames."""
