"""Files of runs: looked at first, imported in batches, undone as a whole."""
