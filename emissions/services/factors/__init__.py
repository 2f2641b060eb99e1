"""Factor sets: loaded, adopted, chosen from, and what a change of them would do."""
