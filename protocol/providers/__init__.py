"""Providers of quantum computing time, ours and others'."""
