"""Signs of signalling and drift in recorded runs; nothing here enters a certificate."""
