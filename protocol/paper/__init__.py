"""What only shows the paper's own bounds, to compare with; no output rests on it."""
