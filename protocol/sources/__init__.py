"""Weak sources: where the bits come from that choose the settings and feed the extractor."""
