"""The course: exercises are those of the solutions, solutions pass their self-checks, untouched exercises do not."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

from articulens.course import NotYet, self_check
from articulens.errors import ArticulensError
from articulens.publishing import exercises
from articulens.publishing.notebooks import code_cells, read_notebook, tags

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted((ROOT / "notebooks" / "exercises").glob("sol_*.py"))
each_sheet = pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda path: path.stem.removeprefix("sol_"))


def _run(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Execute the cells without a kernel; return what each self-check says."""
    monkeypatch.chdir(path.parent)
    names: dict[str, object] = {"__name__": "__main__"}
    said = []
    for cell in code_cells(read_notebook(path)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if "check" not in tags(cell):
                exec(compile(cell.source, path.name, "exec"), names)
                continue
            try:
                exec(compile(cell.source, path.name, "exec"), names)
                said.append(printed.getvalue().strip().splitlines()[-1])
            except NotYet as error:
                said.append(f"not yet: {error}")
    return said


@each_sheet
def test_the_solution_passes_and_the_untouched_exercise_does_not(
    solution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = _run(solution, monkeypatch)
    untouched = _run(exercises.exercise_path(solution), monkeypatch)
    assert len(right) == len(untouched) == 3
    for line in right:
        assert re.fullmatch(r"Exercise \d\.\d: right\.", line)
    for line in untouched:
        assert re.match(
            r"not yet: Exercise \d\.\d: .*(returns nothing yet|has no value yet); replace the dots", line
        ), line


@each_sheet
def test_each_sheet_has_the_three_levels_and_a_check_each(solution: Path) -> None:
    notebook = read_notebook(exercises.exercise_path(solution))
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"\(level (\d): ([\w ]+)\)", text) == [("1", "warm up"), ("2", "build"), ("3", "research")]
    assert sum("check" in tags(cell) for cell in notebook.cells) == 3
    assert "solution-start" not in text and ":label:" not in text
    for cell in code_cells(notebook):
        ast.parse(cell.source)
        assert "# solution" not in cell.source


def test_exercises_are_in_step() -> None:
    assert exercises.problems(ROOT) == []


def test_an_exercise_out_of_step_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks" / "exercises"
    folder.mkdir(parents=True)
    solution = folder / "sol_1_tiny.py"
    solution.write_text("# %% [markdown]\n# # Tiny\n\n# %%\ndef one() -> int:\n    # solution\n    return 1\n")
    assert exercises.problems(tmp_path) == ["ex_1_tiny.py: is missing; run `make pairs`"]
    assert exercises.write_exercise(solution)
    assert not exercises.write_exercise(solution)
    assert exercises.problems(tmp_path) == []
    assert "    ...  # your answer" in (folder / "ex_1_tiny.py").read_text()
    solution.write_text(solution.read_text().replace("# # Tiny", "# # Small"))
    assert exercises.problems(tmp_path) == ["ex_1_tiny.py: is out of step with sol_1_tiny.py; run `make pairs`"]
    (folder / "ex_2_gone.py").write_text("")
    assert "ex_2_gone.py: has no solution beside it; delete it" in exercises.problems(tmp_path)
    solution.write_text("# %% [markdown]\n# # Tiny\n")
    with pytest.raises(ArticulensError, match="has no line '# solution'"):
        exercises.exercise_text(solution)


def test_a_self_check_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with self_check("0.1"):
        pass
    assert capsys.readouterr().out == "Exercise 0.1: right.\n"
    for answer, message in (
        ("assert 2 == 1, 'two is not one'", "Exercise 0.1: two is not one"),
        ("missing", "Exercise 0.1: `missing` has no value yet; replace the dots by your answer."),
        ("None + 1", "Exercise 0.1: your code stopped with TypeError"),
    ):
        with pytest.raises(NotYet, match=re.escape(message)) as caught, self_check("0.1"):
            exec(answer)
        assert caught.value._render_traceback_() == [f"Not yet. {caught.value}"]


#: Answers a student might give, and a word of what the self-check says to them.
WRONG = {
    "1_frames_and_clocks": [
        ("frame_time_s", "def frame_time_s(i): return i / 50", "where it begins"),
        ("count_frames", "def count_frames(n): return n // 320", "719 samples"),
        ("find_lag_ms", "def find_lag_ms(f, t, p): return 0.0", "is it seconds"),
    ],
    "2_a_probe_by_hand": [
        ("pearson", "def pearson(a, b): return (a*b).sum(0) / np.sqrt((a*a).sum(0) * (b*b).sum(0))", "cosine"),
        (
            "ridge",
            "def ridge(x, y, a):\n"
            "    c = x.T @ x + a * np.eye(x.shape[1])\n"
            "    return np.linalg.solve(c, x.T @ y), np.zeros(y.shape[1])",
            "intercept",
        ),
    ],
    "3_leaks_and_nulls": [
        (
            "split_by_sentence",
            "def split_by_sentence(t, rng):\n    m = rng.random(len(t)) < 0.2\n    return ~m, m",
            "on both sides",
        ),
        ("honest", "honest = leaking", "something of them still reaches it"),
        ("rolled", "def rolled(y, rng): return rng.permutation(y)", "no roll in time"),
    ],
    "4_read_a_table": [
        ("best_layer", "best_layer, best_r = '3', table['r'].max()", "best single cell"),
        ("sign_flip_p", "def sign_flip_p(d): return 0.0", "must be counted"),
    ],
}


@pytest.mark.parametrize("sheet", WRONG)
def test_common_mistakes_are_told_apart(sheet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "notebooks" / "exercises" / f"ex_{sheet}.py"
    monkeypatch.chdir(path.parent)
    cells = code_cells(read_notebook(path))
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            if "check" not in tags(cell):
                exec(compile(cell.source, path.name, "exec"), names)
        for name, answer, message in WRONG[sheet]:
            exec(answer, names)
            check = next(c.source for c in cells if "check" in tags(c) and re.search(rf"\b{name}\b", c.source))
            with pytest.raises(NotYet, match=message):
                exec(check, names)
