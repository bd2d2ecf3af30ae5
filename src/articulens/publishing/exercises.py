"""Exercises are generated from their solutions, so that the two cannot tell different stories.

Written: ``notebooks/exercises/sol_NAME.py``. Generated: ``ex_NAME.py`` and the ``.ipynb`` of both. In a solution

* a cell tagged ``solution`` is left out of the exercise,
* a line ``# solution`` ends what is given of a code cell; the rest becomes a row of dots to replace,
* labels and the start and end of ``{solution}`` blocks are left out, for the page of the solution has them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext
import nbformat

from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.publishing.notebooks import read_notebook, tags, write_pair

DOTS = "...  # your answer"


def exercise_path(solution: Path) -> Path:
    """Return where the exercise of a solution is: ``ex_NAME.py`` for ``sol_NAME.py``."""
    return solution.with_name(solution.name.replace("sol_", "ex_", 1))


def exercise_text(solution: Path) -> str:
    """Return the percent-format text of the exercise that belongs to a solution.

    Raises
    ------
    ArticulensError
        When the notebook has no ``# solution`` to take out.
    """
    notebook = read_notebook(solution)
    cells, cut = [], 0
    for cell in notebook.cells:
        if "solution" in tags(cell):
            continue
        source = cell.source
        if cell.cell_type == "code":
            source, found = re.subn(r"(?ms)^([ \t]*)# solution\s*$.*", rf"\1{DOTS}", source)
            cut += found
        else:
            source = re.sub(r"(?m)^:label: .*\n", "", source)
        cells.append(nbformat.from_dict({**cell, "source": source}))
    if not cut:
        raise ArticulensError(f"{solution}: has no line '# solution', so there is nothing to solve; mark the answers.")
    cells[0]["source"] = cells[0]["source"].replace("# Solutions to sheet", "# Sheet", 1)
    cells[0]["source"] += f"\n\n*Generated from `{solution.name}`; solutions: {{doc}}`{_page(solution)}`.*"
    notebook.cells = cells
    return jupytext.writes(notebook, fmt="py:percent")


def _page(solution: Path) -> str:
    return f"/book/executed/exercises/{solution.stem}"


def problems(root: Path) -> list[str]:
    """Return, a phrase for each, which exercises are missing, out of step with their solution, or left over."""
    folder = root / "notebooks" / "exercises"
    found, known = [], set()
    for solution in sorted(folder.glob("sol_*.py")):
        exercise = exercise_path(solution)
        known.add(exercise)
        if not exercise.is_file():
            found.append(f"{exercise.name}: is missing; run `make pairs`")
        elif exercise.read_text(encoding="utf-8") != exercise_text(solution):
            found.append(f"{exercise.name}: is out of step with {solution.name}; run `make pairs`")
    found += [f"{path.name}: has no solution beside it; delete it" for path in set(folder.glob("ex_*.py")) - known]
    return found


def write_exercise(solution: Path) -> bool:
    """Write the exercise of a solution unless it is already right; return whether it was written."""
    text, target = exercise_text(solution), exercise_path(solution)
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return False
    with atomic_write(target, "w") as stream:
        stream.write(text)
    return True


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        path = Path(argument)
        written = [exercise_path(path)] if write_exercise(path) else []
        written += [pair.with_suffix(".ipynb") for pair in (path, exercise_path(path)) if write_pair(pair)]
        for name in written:
            print(f"wrote {name}")
