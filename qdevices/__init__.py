"""What stands in the laboratory: the Kochen-Specker game and the honest devices that play it."""
