"""Rules for the notebooks and what belongs to them, read from the files without running anything."""

import ast
import importlib
import inspect
import pkgutil
import re
import tokenize
from io import StringIO
from pathlib import Path

import pytest
import yaml

import articulens
from articulens.publishing.book import executed_pages
from articulens.publishing.manifest import manifest_problems
from articulens.publishing.notebooks import code_cells, page_name, pair_text, read_notebook, tags
from articulens.publishing.parameters import check_parameters, inspect_parameters, read_params_file

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/**/*.py"))
PARAMS = sorted((ROOT / "notebooks" / "params").glob("*.yaml"))
FIGURES = [
    importlib.import_module(f"articulens.{module.name}")
    for module in pkgutil.iter_modules(articulens.__path__) if module.name.startswith("figures")
]  # fmt: skip
DRAWING = [
    name for module in FIGURES for name, value in inspect.getmembers(module, inspect.isfunction)
    if value.__module__ == module.__name__ and not name.startswith("_")
]  # fmt: skip
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook
def test_pair_is_in_step(path: Path) -> None:
    pair = path.with_suffix(".ipynb")
    assert pair.is_file(), f"{pair.name} is missing; run `make pairs`"
    assert pair.read_text(encoding="utf-8") == pair_text(path), f"{pair.name} is out of step; run `make pairs`"


def test_no_pair_without_its_source() -> None:
    pairs = {
        path.with_suffix(".py") for path in ROOT.glob("notebooks/**/*.ipynb") if ".ipynb_checkpoints" not in str(path)
    }
    assert pairs <= set(NOTEBOOKS)


@each_notebook
def test_parameters_cell(path: Path) -> None:
    notebook = read_notebook(path)
    cells = [cell for cell in code_cells(notebook) if "parameters" in tags(cell)]
    assert len(cells) == 1, "one cell tagged 'parameters'"
    known = inspect_parameters(notebook, path)  # annotated literals, or an error
    assert known
    for parameter in known.values():  # the defaults fit their own annotations
        check_parameters({parameter.name: parameter.default}, known, path.name)
    for token in tokenize.generate_tokens(StringIO(cells[0].source).readline):
        if token.type == tokenize.COMMENT:
            assert "=" not in token.string, "papermill misreads a comment that holds an equals sign"


@each_notebook
def test_figures_have_alt_text(path: Path) -> None:
    for cell in code_cells(read_notebook(path)):
        options = cell.metadata.get("mystnb", {})
        draws = re.search(rf"\b({'|'.join(DRAWING)})\(", cell.source)  # these tell themselves what they show
        if "image" in options or ("figure" in options and not draws):
            assert str(options.get("image", {}).get("alt", "")).strip(), cell.source
        if not draws and re.search(r"^(plt\.show\(|figures?\.\w+\()", cell.source, flags=re.MULTILINE):
            assert "image" in options, f"a figure without alt text:\n{cell.source}"


@each_notebook
def test_cells_are_short_and_name_what_they_import(path: Path) -> None:
    notebook = read_notebook(path)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in code_cells(notebook):
        assert not re.search(r"import \*", cell.source), cell.source
        ast.parse(cell.source)


@pytest.mark.parametrize("path", PARAMS, ids=lambda path: path.stem)
def test_parameter_files_fit_their_notebooks(path: Path) -> None:
    for stem, values in read_params_file(path, ROOT).items():
        notebook = next(found for found in NOTEBOOKS if found.stem == stem)
        check_parameters(values, inspect_parameters(read_notebook(notebook), notebook), path)


def test_the_parameter_files_are_there() -> None:
    assert {"bundled", "smoke", "course", "frost"} <= {path.stem for path in PARAMS}


def test_every_notebook_is_in_the_book() -> None:
    written = [path for path in NOTEBOOKS if not path.stem.startswith("ex_")]  # exercises are generated from solutions
    assert sorted(executed_pages(ROOT)) == sorted(page_name(path, ROOT) for path in written)


def test_every_published_run_is_of_the_notebook_as_it_is() -> None:
    assert manifest_problems(ROOT, executed_pages(ROOT)) == []


def test_no_two_notebooks_have_one_name() -> None:
    names = [path.stem for path in NOTEBOOKS]  # parameter files and the command line know them by it
    assert len(set(names)) == len(names)


def test_configuration_executes_nothing_itself() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["execute"]["execute_notebooks"] == "off"
