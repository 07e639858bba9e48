"""Plans: what a run commits itself to before the device is touched."""
