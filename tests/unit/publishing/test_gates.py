from pathlib import Path

import nbformat
import pytest

from articulens.errors import ArticulensError
from articulens.publishing.gates import check_executed, check_site


def _page(folder: Path, body: str, name: str = "index.html") -> None:
    folder.joinpath(name).write_text(f"<html><head></head><body>{body}</body></html>")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<img src="a.png">', "image a.png has no alt text"),
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
        ('<div class="output traceback highlight">x</div>', "shows a traceback"),
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
        '<link rel="canonical" href="https://book.example/"><img src="data:image/png;base64," alt="">',
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
