"""Who changes things from this process, for notes that people read."""

import getpass
import os
import socket


def whoami() -> str:
    """Who changes things from this process: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # containers run users of whom nobody knows the name
        user = str(getattr(os, "getuid", lambda: "somebody")())
    return f"{user}@{socket.gethostname()}"
