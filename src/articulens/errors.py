"""The one exception a user is meant to read."""

from __future__ import annotations


class ArticulensError(Exception):
    """Something in the user's input cannot be used.

    The message is one sentence that names the file or value, what was found, what was expected and
    what to do. The command line prints it without a traceback and exits with status 2.
    """


def suggest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, else the list of known names."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(known)}." if known else "."
