"""The component (Rubin's CSC): states, commands, start-up, what it publishes."""
