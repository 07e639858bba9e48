"""Games that do not ship, to test that nothing but a game's own room knows which one is played."""
