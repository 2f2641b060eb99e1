"""The demo organisation: believable, seeded, and made through the same services as any other."""
