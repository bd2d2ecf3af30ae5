"""A chapter run in this process: what it prints and draws, without the seconds that a kernel takes to start."""

import ast
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from articulens.publishing.notebooks import code_cells, read_notebook, tags
from articulens.publishing.parameters import check_parameters, inspect_parameters

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@dataclass
class Page:
    """What a reader would see: the printed text, how many cells promise a figure, the figures, and all names."""

    text: str = ""
    promised: int = 0
    figures: list[Any] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def alts(self) -> str:
        """The alt texts that were made from the tables."""
        return "\n".join(figure.alt for figure in self.figures)


@pytest.fixture
def run_page(monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs a chapter with parameters; those that it does not have are passed over."""
    import IPython.display
    import matplotlib

    matplotlib.use("Agg", force=True)
    import matplotlib.pyplot as plt

    from articulens.drawing import PageFigure

    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")

    def run(stem: str, **given: Any) -> Page:
        path = NOTEBOOKS / f"{stem}.py"
        notebook = read_notebook(path)
        known = inspect_parameters(notebook, path)
        values = check_parameters({k: v for k, v in given.items() if k in known}, known, path.name)
        page = Page()

        def show(*things: Any, **_: Any) -> None:
            for thing in things:
                if isinstance(thing, PageFigure):
                    assert thing._repr_png_()
                    page.figures.append(thing)
                elif hasattr(thing, "_repr_html_"):
                    thing._repr_html_()

        def show_plots() -> None:
            page.figures += [PageFigure() for _ in plt.get_fignums()]
            plt.close("all")

        monkeypatch.setattr(IPython.display, "display", show)
        monkeypatch.setattr(plt, "show", show_plots)
        page.names |= {"__name__": "__main__", "display": show}
        printed = StringIO()
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # the mean of nothing, say, which would be drawn as NaN
            for cell in code_cells(notebook):
                tree = ast.parse(cell.source)
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, path.name, "exec"), page.names)
                if last is not None:
                    show(eval(compile(ast.Expression(last.value), path.name, "eval"), page.names))
                if "parameters" in tags(cell):
                    page.names |= values
                page.promised += bool({"image", "figure"} & set(cell.metadata.get("mystnb", {})))
        page.text = printed.getvalue()
        return page

    return run
