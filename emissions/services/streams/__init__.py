"""What trackers send of a run while it goes: taken, folded into hours, shown before that."""
