"""What neighbours share: pools of a node's or a site's month, settled apart from runs."""
