"""The 18-ray Kochen-Specker game, and the circuits of the honest devices that play it."""
