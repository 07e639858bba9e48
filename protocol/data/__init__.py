"""Recorded runs, and where they come from."""
