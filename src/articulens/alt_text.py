"""What figures show, in words: alt text from the table that a figure was drawn from, never typed beside it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def number(value: float, digits: int = 2) -> str:
    """Return a number as it reads aloud; what is not finite is unknown."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "unknown"


def joined(title: str, sentences: Iterable[str]) -> str:
    """Return title and sentences as one text."""
    return " ".join(f"{part.rstrip('.')}." for part in [title, *sentences] if part)


def of_grid(grid: pd.DataFrame, what: str, *, title: str = "") -> str:
    """Describe a heatmap: its size, its highest and its lowest cell.

    Parameters
    ----------
    grid
        Values, with the names of rows and columns as index and columns.
    what, title
        What the values are, and what stands above.
    """
    size = f"Heatmap of {what}, {len(grid)} by {len(grid.columns)} cells"
    cells = [(value, row, column) for row, values in grid.iterrows() for column, value in values.dropna().items()]
    if not cells:
        return joined(title, [size, "All cells are empty"])
    ends = [
        f"{word} {number(float(value))} at {row}, {column}"
        for word, (value, row, column) in zip(
            ("Highest", "lowest"), (f(cells, key=lambda cell: float(cell[0])) for f in (max, min)), strict=True
        )
    ]
    return joined(title, [size, "; ".join(ends)])


def of_lines(
    summary: pd.DataFrame, *, name: str, at: str, what: str, title: str = "", value: str = "mean", unit: str = ""
) -> str:
    """Describe lines: where each begins and ends, and its highest point; of more than five the last only.

    Parameters
    ----------
    summary
        One row a point in the order of the axis, with columns `name`, `at` and `value`.
    name, at, value
        The columns that tell the lines apart, that say where a point lies, and how high.
    what, title, unit
        What is drawn by what, what stands above, and the unit of `at`.
    """
    sentences, many = [what], summary[name].nunique() > 5
    for line, points in summary.groupby(name, sort=False):
        points = points.dropna(subset=[value])
        if not len(points):
            continue
        place = lambda row: f"{number(row[value])} at {row[at]}{unit}"  # noqa: E731
        first, last, top = points.iloc[0], points.iloc[-1], points.iloc[int(points[value].argmax())]
        if len(points) == 1:
            sentences.append(f"{line}: {number(first[value])}")
        elif many:
            sentences.append(f"{line}: highest {place(top)}")
        else:
            sentences.append(f"{line}: from {place(first)} to {place(last)}, highest {place(top)}")
    return joined(title, sentences)


def of_intervals(means: Iterable[tuple[str, float, float, float, int]], what: str, *, title: str = "") -> str:
    """Describe rows of dots: the mean of each, its interval and how many dots.

    Parameters
    ----------
    means
        (name, mean, low, high, dots) of each row.
    what, title
        What a dot is, and what stands above.
    """
    sentences = [what]
    for name, mean, low, high, dots in means:
        sure = f", 95 % interval {number(low)} to {number(high)}" if np.isfinite(low) else ""
        sentences.append(f"{name}: mean {number(mean)} of {dots}{sure}")
    return joined(title, sentences)


def of_steps(names: Iterable[str], levels: Iterable[float], *, title: str = "") -> str:
    """Describe a waterfall: where it begins and ends, and the change of each step."""
    names, levels = list(names), [float(level) for level in levels]
    ends = f"Waterfall from {number(levels[0])} ({names[0]}) to {number(levels[-1])} ({names[-1]})"
    changes = [f"{name} {b - a:+.2f}" for name, a, b in zip(names[1:], levels, levels[1:], strict=False)]
    return joined(title, [ends, *(["Changes: " + ", ".join(changes)] if changes else [])])
