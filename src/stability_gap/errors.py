"""Define the one exception that a user should ever read, and what is said where the system refuses to write."""

import errno
import os


class UserError(Exception):
    """Bad input. The message is one sentence or two: which key or file is at fault, and what to do about it."""


def why_not_written(error: OSError) -> str:
    """Say why a file cannot be written and what to do, in two sentences."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            fix = "Free some space on its disk, then run the same command again: what is finished stays."
        case errno.EROFS:
            fix = "Its disk can only be read; have results written elsewhere (the key results of the configuration)."
        case errno.EACCES | errno.EPERM:
            fix = "It belongs to another user, or its folder may only be read; give yourself the right to write there."
        case _:
            fix = "Check the folder, its rights and free space."
    return f"{os.strerror(error.errno) if error.errno else error}. {fix}"
