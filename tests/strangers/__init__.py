"""What strangers add: one kind of each thing, each in one file of its own."""
