from pathlib import Path

import nbformat
import pytest

from articulens.errors import ArticulensError
from articulens.publishing import run_notebooks
from articulens.publishing.gates import check_executed, check_site, check_sources
from articulens.publishing.manifest import manifest_problems, update_manifest
from articulens.publishing.notebooks import write_pair
from articulens.publishing.status import status


def _page(folder: Path, body: str, name: str = "index.html") -> None:
    folder.joinpath(name).write_text(f"<html><head></head><body>{body}</body></html>")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<img src="a.png">', "image a.png has no alt text"),
        ('<img src="a.png" alt=" ">', "image a.png has no alt text"),
        ('<img src="_images/a.png" alt="_images/a.png">', "image _images/a.png has no alt text"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "loads https://cdn.example/x.js from another host",
        ),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example/x.css"),
        (
            "<style>@font-face{src:url(https://cdn.example/f.woff)}</style>",
            "loads https://cdn.example/f.woff",
        ),
        ("<div style=\"background: url('http://cdn.example/b.png')\">", "loads http://cdn.example/b.png"),
        ('<iframe src="https://player.example/"></iframe>', "loads https://player.example/"),
        ('<a href="missing.html">x</a>', "links to missing.html, which does not exist"),
        ('<a href="#nowhere">x</a>', "links to #nowhere, but there is no such place"),
        ('<a href="/missing.html">x</a>', "links to /missing.html, which does not exist"),
        ('<div class="output traceback highlight">x</div>', "shows a traceback"),
        ("<p>" + 300_000 * "heavy ", "a browser fetches 1,8"),
    ],
)
def test_a_bad_page_is_named(tmp_path: Path, body: str, message: str) -> None:
    _page(tmp_path, body)
    with pytest.raises(ArticulensError) as caught:
        check_site(tmp_path)
    assert str(caught.value).startswith("index.html: ")
    assert message in str(caught.value)


def test_a_good_page_passes(tmp_path: Path) -> None:
    tmp_path.joinpath("a b.html").write_text('<p id="here">x</p>')
    _page(
        tmp_path,
        '<a href="https://elsewhere.example/">a link out loads nothing</a><a href="a%20b.html#here">x</a>'
        '<link rel="canonical" href="https://book.example/"><a href="/a b.html">from the top</a>'
        '<img src="data:image/png;base64," alt="" role="presentation">',
    )
    check_site(tmp_path)


def test_style_sheets_are_read(tmp_path: Path) -> None:
    tmp_path.joinpath("x.css").write_text('@import "https://fonts.example/css";')
    with pytest.raises(ArticulensError, match=r"x\.css: loads https://fonts\.example/css"):
        check_site(tmp_path)


def _executed(tmp_path: Path, output: nbformat.NotebookNode, **metadata: object) -> Path:
    cell = nbformat.v4.new_code_cell("x", metadata=metadata)
    cell.outputs = [output]
    path = tmp_path / "01.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_executed_copies(tmp_path: Path) -> None:
    figure = nbformat.v4.new_output("display_data", data={"image/png": "aaaa"})
    with pytest.raises(ArticulensError, match=r"01\.ipynb, code cell 1: shows a figure without alt text"):
        check_executed([_executed(tmp_path, figure)])
    check_executed([_executed(tmp_path, figure, mystnb={"image": {"alt": "A line."}})])
    with pytest.raises(ArticulensError, match="shows a figure without alt text; set its `alt`"):
        check_executed([_executed(tmp_path, figure, mystnb={"figure": {"caption": "A line."}})])
    with pytest.raises(ArticulensError, match="has alt text or a caption but shows no figure"):
        check_executed([_executed(tmp_path, nbformat.v4.new_output("stream"), mystnb={"figure": {"name": "f"}})])
    twice = _executed(tmp_path, figure, mystnb={"image": {"alt": "A line."}})
    notebook = nbformat.read(twice, as_version=4)
    notebook.cells[0].outputs.append(figure)
    nbformat.write(notebook, twice)
    with pytest.raises(ArticulensError, match="code cell 1: shows 2 figures"):
        check_executed([twice])
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[])
    with pytest.raises(ArticulensError, match="ended with ValueError"):
        check_executed([_executed(tmp_path, error)])
    with pytest.raises(ArticulensError, match="an output has"):
        check_executed([_executed(tmp_path, nbformat.v4.new_output("stream", text="x" * 400_000))])
    with pytest.raises(ArticulensError, match="bytes, more than"):
        check_executed([_executed(tmp_path, nbformat.v4.new_output("stream", text="x" * 1_100_000))])


def test_launch_targets_must_exist(tmp_path: Path) -> None:
    html, root = tmp_path / "html", tmp_path / "root"
    html.mkdir()
    root.joinpath("notebooks").mkdir(parents=True)
    colab = "https://colab.research.google.com/github/a/b/blob/main/notebooks/01.ipynb"
    binder = "https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/notebooks/01.ipynb"
    _page(html, f'<a href="{colab}">Colab</a><a href="{binder}">Binder</a><a href="https://x.example/tree/">a wood</a>')
    with pytest.raises(ArticulensError, match=r"a button leads to notebooks/01\.ipynb, which is not .* \(and 1 more\)"):
        check_site(html, root)
    root.joinpath("notebooks", "01.ipynb").write_text("{}")
    check_site(html, root)


def test_what_a_page_loads_is_weighed(tmp_path: Path) -> None:
    tmp_path.joinpath("big.js").write_text("x" * 1_600_000)
    _page(tmp_path, '<script src="big.js"></script>', "chapter.html")
    check_site(tmp_path)
    _page(tmp_path, '<script src="big.js"></script>')
    with pytest.raises(ArticulensError, match=r"index\.html: a browser fetches 1,600,\d+ bytes"):
        check_site(tmp_path)


def test_notebooks_out_of_step_are_named(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    with pytest.raises(ArticulensError, match=r"notebooks/01_tiny\.ipynb: is missing; run `make pairs`"):
        check_sources(book)
    write_pair(path)
    check_sources(book)
    path.write_text(path.read_text().replace("A small", "A stale"))
    with pytest.raises(
        ArticulensError, match=r"notebooks/01_tiny\.ipynb: is out of step with 01_tiny\.py; run `make pairs`"
    ):
        check_sources(book)


def test_stale_runs_are_named(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    assert manifest_problems(book, ["01_tiny"]) == [
        "01_tiny: has no published run; run `make book` and commit MANIFEST.json"
    ]
    (run,) = run_notebooks([path], say=lambda line: None)
    update_manifest(book, ["01_tiny"])
    assert manifest_problems(book, ["01_tiny"]) == []
    assert [(row["page"], row["state"], row["why"]) for row in status(book)] == [("01_tiny", "fresh", ())]
    path.write_text(path.read_text().replace("count * 3", "count * 4"))
    assert manifest_problems(book, ["01_tiny"]) == [
        "01_tiny: is stale, because its code changed; run `make book` and commit MANIFEST.json"
    ]
    assert [(row["state"], row["why"]) for row in status(book)] == [("stale", ("its code changed",))]
    run.output.unlink()
    assert [(row["state"], row["past"]) for row in status(book)] == [("not run", None)]
