"""How far a pass over audio has come, how fast it goes, and when it will be done."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """A bar on stderr: speakers done, times real time, seconds left.

    Parameters
    ----------
    what
        What goes on, in words.
    speakers
        How many there are to do.
    shown
        False keeps silent. Where stderr is not a terminal, only the last state is printed.
    """

    def __init__(self, what: str, speakers: int, *, shown: bool = True) -> None:
        self.bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("speakers · {task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("·"),
            TimeRemainingColumn(),
            TextColumn("left"),
            # In a notebook too: a bar drawn as HTML would stay on the page, with times that differ every run.
            console=Console(stderr=True, force_jupyter=False),
            disable=not shown or not speakers,
        )
        self.task = self.bar.add_task(what, total=speakers, rate="")
        self.seconds = 0.0

    def __enter__(self) -> Progress:
        """Start the clock."""
        self.started = time.monotonic()
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        self.bar.stop()

    def heard(self, seconds: float) -> None:
        """Say that so much audio has gone through."""
        self.seconds += float(seconds)
        rate = self.seconds / max(time.monotonic() - self.started, 1e-9)
        self.bar.update(self.task, rate=f"{rate:.3g}× real time")

    def speaker_done(self) -> None:
        """Say that one speaker is written."""
        self.bar.advance(self.task)
