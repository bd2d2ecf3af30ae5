"""Notebooks as values: read, find, fingerprint, pair and slim them."""

from __future__ import annotations

import ast
import platform
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from articulens.errors import ArticulensError, suggest
from articulens.files import atomic_write, sha256_text

INJECTED = "injected-parameters"  # papermill's tag for the cell that overrides the parameters


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def find_root(start: str | Path | None = None) -> Path:
    """Return the nearest folder at or above `start` that holds a ``_toc.yml`` (the root of a book).

    Raises
    ------
    ArticulensError
        When there is none.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "_toc.yml").is_file():
            return folder
    raise ArticulensError(
        f"{start}: no _toc.yml was found here or in any folder above, but one marks the root of the book; "
        "run the command inside a clone of the repository."
    )


def find_notebook(name: str | Path, root: Path | None = None) -> Path:
    """Return the ``.py`` of a notebook given by path (of either of the pair) or by its name in notebooks/.

    Raises
    ------
    ArticulensError
        When there is no such notebook.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.with_suffix(".py").is_file():
        path = path.with_suffix(".py")
    if path.is_file() and path.suffix in (".py", ".ipynb"):
        return path.resolve()
    known = {found.stem: found for found in sorted((root or find_root()).glob("notebooks/**/*.py"))}
    if path.name in known:
        return known[path.name].resolve()
    raise ArticulensError(f"{name}: there is no such notebook{suggest(path.stem, list(known))}")


def page_name(path: Path, root: Path) -> str:
    """Return a notebook's place in notebooks/ without its ending, such as ``foundations/see_a_frame``."""
    folder = root / "notebooks"
    return (path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)).with_suffix("").as_posix()


def read_notebook(path: Path) -> NotebookNode:
    """Read a percent-format ``.py`` or an ``.ipynb`` as nbformat 4.

    Raises
    ------
    ArticulensError
        When the file is not a notebook.
    """
    try:
        notebook = jupytext.read(path, fmt="py:percent") if path.suffix == ".py" else nbformat.read(path, as_version=4)
    except (OSError, UnicodeDecodeError, ValueError, nbformat.reader.NotJSONError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise ArticulensError(f"{path}: cannot be read as a notebook ({reason}); restore or delete it.") from error
    if path.suffix == ".py":
        _name_cells(notebook)
    return notebook


def _name_cells(notebook: NotebookNode) -> None:
    """Give each cell an id derived from its text: nbformat wants one, and random ones churn."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        key = sha256_text([cell.cell_type, cell.source])
        seen[key] = seen.get(key, 0) + 1
        cell["id"] = sha256_text([key, str(seen[key])])[:8]
    notebook.nbformat, notebook.nbformat_minor = 4, 5  # the first version with ids


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the author's code cells: all but the one papermill injected."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and INJECTED not in tags(cell)]


def named_chapters(notebook: NotebookNode) -> set[str]:
    """Return the numbers, such as ``"01_"``, that begin names in the code: chapters whose tables it reads or writes."""
    names = set[str]()
    for cell in code_cells(notebook):
        with suppress(SyntaxError):  # an IPython magic
            nodes = ast.walk(ast.parse(cell.source))
            names |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    return {name[:3] for name in names if re.match(r"\d\d_[a-z]", name)}


def passages(notebook: NotebookNode, words: str) -> list[str]:
    """Return what prose says with certain words: of each cell, from the paragraph that has them to the cell's end."""
    found = []
    for cell in notebook.cells:
        paragraphs = cell.source.split("\n\n") if cell.cell_type == "markdown" else []
        places = [i for i, text in enumerate(paragraphs) if words.lower() in " ".join(text.lower().split())]
        if places:
            found.append("\n\n".join(paragraphs[places[0] :]).strip())
    return found


def fingerprint(notebook: NotebookNode) -> str:
    """Return a hash of what the code cells do: comments, spacing, prose and captions do not change it."""
    return sha256_text(syntax(cell.source) for cell in code_cells(notebook))


def syntax(source: str) -> str:
    """Return Python source as its syntax tree without docstrings, or as it is when it does not parse."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # an IPython magic, or a mistake that the run will report
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
    return ast.dump(tree)


def pair_text(path: Path) -> str:
    """Return the text of the ``.ipynb`` beside a ``.py``: no outputs, the same bytes every time."""
    notebook = read_notebook(path)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "jupytext": {"formats": "ipynb,py:percent"},
        }
    )
    return nbformat.writes(notebook) + "\n"


def write_pair(path: Path) -> bool:
    """Write the ``.ipynb`` beside a ``.py`` unless it is already right; return whether it was written."""
    text, target = pair_text(path), path.with_suffix(".ipynb")
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return False
    with atomic_write(target, "w") as stream:
        stream.write(text)
    return True


def refresh_text(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Return `source` with the outputs of `executed`, whose code does the same; the injected cell stays.

    So that a corrected sentence or caption reaches the book without a new run.
    """
    outputs = iter(code_cells(executed))
    injected = next((cell for cell in executed.cells if INJECTED in tags(cell)), None)
    fresh = nbformat.from_dict({**executed, "cells": []})
    for cell in source.cells:
        copy = nbformat.from_dict({**cell, "metadata": _kept(cell)})
        if cell.cell_type == "code":
            done = next(outputs)
            copy.outputs, copy.execution_count, copy["id"] = done.outputs, done.execution_count, done["id"]
            take_alt_text(copy)
        fresh.cells.append(copy)
        if injected is not None and "parameters" in tags(cell):
            fresh.cells.append(injected)
    return fresh


def _kept(cell: NotebookNode) -> dict[str, Any]:
    """Return the metadata that an executed copy keeps; jupytext's notes on blank lines are not among them."""
    return {name: cell.metadata[name] for name in ("tags", "mystnb") if cell.metadata.get(name)}


def take_alt_text(cell: NotebookNode) -> None:
    """Let a figure that tells what it shows (:class:`articulens.drawing.PageFigure`) give its cell the alt text."""
    for output in cell.outputs:
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            options = cell.metadata.get("mystnb", {})
            cell.metadata["mystnb"] = {**options, "image": {**options.get("image", {}), "alt": alt}}


def slim(notebook: NotebookNode, root: Path) -> NotebookNode:
    """Take out, in place, what ties an executed notebook to a machine or a moment.

    Removed: execution metadata, widget state, stderr; absolute paths and the host name become neutral names.
    """
    notebook.metadata = nbformat.from_dict(
        {key: notebook.metadata[key] for key in ("kernelspec", "language_info") if key in notebook.metadata}
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(_kept(cell))
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        take_alt_text(cell)
        for output in cell.outputs:
            if output.output_type == "stream":
                output.pop("metadata", None)
            else:  # what myst_nb.glue tells other pages by stays, and what a figure tells of itself
                kept = {k: v for k, v in output.metadata.items() if k in ("scrapbook", "image/png")}
                output.metadata = nbformat.from_dict(kept)
            if "text" in output:
                output["text"] = _neutral(output["text"], root)
            data = output.get("data", {})
            for kind in data:
                if kind.startswith("text/") and isinstance(data[kind], str):
                    data[kind] = _neutral(data[kind], root)
    return notebook


def _neutral(text: str, root: Path) -> str:
    names = {str(root): ".", sys.prefix: "$VENV", str(Path.home()): "~"}
    if len(platform.node()) > 7:  # a short host name may be an ordinary word of the text
        names[platform.node()] = "localhost"
    for name, neutral in names.items():
        text = re.sub(rf"{re.escape(name)}(?![\w-])", neutral.replace("\\", r"\\"), text)
    return text


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if write_pair(Path(argument)):
            print(f"wrote {Path(argument).with_suffix('.ipynb')}")
