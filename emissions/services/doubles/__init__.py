"""Records of one job that came several ways: found, matched, and decided on."""
