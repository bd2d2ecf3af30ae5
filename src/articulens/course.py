"""Self-checks for the exercises of the course: they say what is wrong, in one line and without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class NotYet(Exception):
    """An answer is missing or wrong; the message says what was found and what to look at."""

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook, where other exceptions show a traceback."""
        return [f"Not yet. {self}"]


@contextmanager
def self_check(exercise: str) -> Iterator[None]:
    """Judge an answer: assertions inside the block are its demands, in order.

    Parameters
    ----------
    exercise
        What the message begins with, such as ``"1.1"``.

    Raises
    ------
    NotYet
        For the first demand that is not met, a name that has no value yet, and anything else that the answer
        raises.
    """
    try:
        yield
    except AssertionError as error:
        raise NotYet(f"Exercise {exercise}: {error}") from None
    except NameError as error:
        raise NotYet(
            f"Exercise {exercise}: `{error.name}` has no value yet; replace the dots by your answer."
        ) from None
    except Exception as error:
        raise NotYet(f"Exercise {exercise}: your code stopped with {type(error).__name__} ({error}).") from None
    print(f"Exercise {exercise}: right.")
