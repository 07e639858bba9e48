"""Finds certificates, by linear programmes; nothing here needs to be trusted."""
