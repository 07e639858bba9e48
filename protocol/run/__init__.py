"""The run: play or replay, tally, tests, judgement, output, and the folder that keeps it all."""
