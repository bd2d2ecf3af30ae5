"""Run notebooks that are stale, side by side, each into one self-contained executed copy."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import nbformat
from joblib import cpu_count
from nbformat import NotebookNode

from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.publishing import manifest, recording
from articulens.publishing.notebooks import (
    find_notebook,
    find_root,
    named_chapters,
    page_name,
    read_notebook,
    refresh_text,
    slim,
)
from articulens.publishing.parameters import check_parameters, inspect_parameters, read_params_file


@dataclass(frozen=True)
class Run:
    """What became of one notebook: whether it ran, why, how long it took, where the executed copy is."""

    notebook: str
    ran: bool
    reasons: tuple[str, ...]
    seconds: float
    output: Path


@dataclass(frozen=True, eq=False)
class _Plan:
    path: Path
    notebook: NotebookNode
    given: dict[str, Any]
    causes: dict[str, Any]
    output: Path


def run_notebooks(
    notebooks: Sequence[str | Path],
    params: Mapping[str, object] | None = None,
    params_file: str | Path | None = None,
    *,
    force: bool = False,
    out: str | Path | None = None,
    jobs: int = 2,
    say: Callable[[str], None] = print,
) -> list[Run]:
    """Execute the notebooks that are stale; all of them are tried even if one fails.

    Several run at a time and share the cores evenly; one that names a table of another, earlier in the list, waits
    for it.

    Parameters
    ----------
    notebooks
        Paths, or names in ``notebooks/``.
    params
        Parameter values for all of these notebooks; text is decoded where a parameter is not a ``str``.
    params_file
        YAML file ``{notebook: {parameter: value}}``, by path or by name in ``notebooks/params``;
        `params` goes before it.
    force
        Run fresh notebooks too.
    out
        Folder of the executed copies; default ``book/executed`` of the book the first notebook belongs to.
    jobs
        At most so many run at a time, and no more than there are cores.
    say
        Takes one line about each notebook.

    Raises
    ------
    ArticulensError
        Before anything runs: unknown notebook, parameter or parameter file, or a value of the wrong type.
        After the last one: a notebook failed; its earlier executed copy is kept.
    """
    manifest.forget_corpora()
    paths = [find_notebook(name) for name in notebooks]
    if not paths:
        return []
    root = find_root(paths[0].parent)
    folder = Path(out).resolve() if out else root / "book" / "executed"
    table = read_params_file(params_file, root) if params_file is not None else {}
    plans = [_plan(path, {**table.get(path.stem, {}), **(params or {})}, root, folder) for path in paths]
    earlier = {
        plan: {other for other in plans[:i] if other.path.stem[:3] in named_chapters(plan.notebook)}
        for i, plan in enumerate(plans)
    }
    outcomes: dict[_Plan, Run | ArticulensError] = {}
    waiting, stale, running = list(plans), list[tuple[_Plan, tuple[str, ...]]](), 0
    done: SimpleQueue[tuple[_Plan, Run | BaseException]] = SimpleQueue()
    while len(outcomes) < len(plans):
        if plan := next((plan for plan in waiting if earlier[plan] <= outcomes.keys()), None):
            waiting.remove(plan)
            reasons = manifest.why_stale(plan.output, plan.causes, plan.path.parent) or ("asked for",) * force
            if reasons:
                stale.append((plan, reasons))
                stale.sort(key=lambda item: plans.index(item[0]))  # one that had to wait is not the last to run
                continue
            _refresh(plan)
            say(f"{plan.path.stem}: fresh")
            outcomes[plan] = Run(plan.path.stem, False, (), 0.0, plan.output)
        elif stale and running < min(jobs, cpu_count()):
            at_once = min(jobs, cpu_count(), running + len(stale))
            plan, reasons = stale.pop(0)
            running += 1
            say(f"{plan.path.stem}: running, because {', '.join(reasons)}")
            # Threads that end with the program: Ctrl-C waits for no notebook, and no kernel outlives it.
            Thread(target=_work, args=(plan, reasons, root, at_once, done), daemon=True).start()
        else:
            plan, outcome = done.get()
            running -= 1
            if not isinstance(outcome, Run | ArticulensError):
                raise outcome
            outcomes[plan] = outcome
            end = f"done in {outcome.seconds:.1f} s" if isinstance(outcome, Run) else "failed"
            say(f"{plan.path.stem}: {end}")
    failures = [str(outcomes[plan]) for plan in plans if isinstance(outcomes[plan], ArticulensError)]
    if failures:
        raise ArticulensError(" ".join(failures))
    return [outcome for plan in plans if isinstance(outcome := outcomes[plan], Run)]


def _work(plan: _Plan, reasons: tuple[str, ...], root: Path, at_once: int, done: SimpleQueue) -> None:
    try:
        done.put((plan, Run(plan.path.stem, True, reasons, _execute(plan, root, at_once), plan.output)))
    except BaseException as error:  # for the main thread to judge
        done.put((plan, error))


def _plan(path: Path, values: Mapping[str, Any], root: Path, folder: Path) -> _Plan:
    notebook = read_notebook(path)
    known = inspect_parameters(notebook, path)
    given = check_parameters(values, known, path.name)
    full = {name: parameter.default for name, parameter in known.items()} | given
    output = folder / f"{page_name(path, root)}.ipynb"
    return _Plan(path, notebook, given, manifest.causes(notebook, full, root), output)


def _refresh(plan: _Plan) -> None:
    """Carry changed prose and captions into a fresh executed copy."""
    executed = read_notebook(plan.output)
    refreshed = refresh_text(plan.notebook, executed)
    told = [[(cell.cell_type, cell.source, cell.metadata) for cell in book.cells] for book in (executed, refreshed)]
    if told[0] != told[1]:
        _write(refreshed, plan.output)


def _execute(plan: _Plan, root: Path, at_once: int) -> float:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    started, clock = datetime.now(UTC), time.perf_counter()
    around = manifest.circumstances(root)
    with tempfile.TemporaryDirectory() as scratch:
        told, progress = Path(scratch) / "record.json", Path(scratch) / "run.ipynb"
        environment = {recording.VARIABLE: str(told)}
        if at_once > 1:  # the cores are shared
            cores = str(cpu_count() // at_once)
            environment |= {"LOKY_MAX_CPU_COUNT": cores, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", cores)}
        try:
            done = papermill.execute_notebook(
                nbformat.from_dict(plan.notebook),
                str(progress),
                parameters=plan.given,
                kernel_name="python3",
                language="python",
                extra_arguments=[
                    "--IPKernelApp.log_level=ERROR",  # no remark on its own transport
                    f"--IPKernelApp.exec_lines=import os; os.environ.update({environment})",
                ],
                # Not papermill's `cwd`, which is one for all threads.
                resources={"metadata": {"path": str(plan.path.parent)}},
                progress_bar=sys.stderr.isatty() and at_once == 1,
            )
        except PapermillExecutionError as error:
            raise ArticulensError(_sentence(plan, error, _keep_failed(plan, progress))) from error
        except (RuntimeError, TimeoutError) as error:  # the kernel died or never came up
            kept = _keep_failed(plan, progress)
            raise ArticulensError(
                f"{plan.path.name}: the kernel stopped before the notebook ended ({error}), often for want "
                f"of memory; see {kept} for how far it came."
            ) from error
        record = recording.read_record(told)
    seconds = round(time.perf_counter() - clock, 1)
    slim(done, root)
    done.metadata["articulens"] = {
        "causes": {**plan.causes, **record},
        "given": manifest.plain(plan.given),
        "started": started.isoformat(timespec="seconds"),
        "seconds": seconds,
        **around,
    }
    _write(done, plan.output)
    _failed(plan).unlink(missing_ok=True)
    return seconds


def _write(notebook: NotebookNode, path: Path) -> None:
    with atomic_write(path, "w") as stream:
        stream.write(nbformat.writes(notebook) + "\n")


def _failed(plan: _Plan) -> Path:
    return plan.output.parent / "failed" / plan.output.name


def _keep_failed(plan: _Plan, progress: Path) -> Path:
    target = _failed(plan)
    with atomic_write(target) as stream:
        stream.write(progress.read_bytes() if progress.is_file() else nbformat.writes(plan.notebook).encode())
    return target


def _sentence(plan: _Plan, error: Any, kept: Path) -> str:
    """Return one sentence: which notebook and cell, the line, the error, where the failing copy is."""
    where = f"{plan.path.name}, code cell {error.exec_count}"
    if error.ename == "ArticulensError":  # already says what to do
        return f"{where}: {error.evalue}"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    arrow = re.search(r"^-+> *\d+ +(.+)$", plain, flags=re.MULTILINE)
    line = f" at '{arrow.group(1).strip()}'" if arrow else ""
    reason = str(error.evalue).strip().splitlines() or [""]
    return f"{where}: {error.ename}{line} ({reason[0]}); see {kept}, then correct the cell and run again."
