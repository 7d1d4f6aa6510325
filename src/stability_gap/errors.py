"""Define the one exception that a user should ever read."""


class UserError(Exception):
    """Bad input. The message is one sentence or two: which key or file is at fault, and what to do about it."""
