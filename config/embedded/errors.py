"""What can go wrong before the product runs, said so that the reader knows what to do."""


class CannotStart(Exception):
    """The product cannot start; the message says why and what to do."""
