"""From weak bits to settings: setting codes, and what a weak source can do to them."""
