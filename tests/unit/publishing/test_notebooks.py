import json
import platform
from pathlib import Path

import nbformat
import pytest

from articulens.errors import ArticulensError
from articulens.publishing.notebooks import (
    find_notebook,
    find_root,
    fingerprint,
    pair_text,
    passages,
    read_notebook,
    refresh_text,
    slim,
    syntax,
    write_pair,
)


def _fingerprint(path: Path, old: str = "", new: str = "") -> str:
    path.write_text(path.read_text().replace(old, new))
    return fingerprint(read_notebook(path))


def test_fingerprint_sees_code_only(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    first = _fingerprint(path)
    assert _fingerprint(path, "# a comment", "# another") == first
    assert _fingerprint(path, "count * 3", "count  *  3") == first
    assert _fingerprint(path, "# # A small notebook", "# # A little notebook") == first
    assert _fingerprint(path, "# %%\ntotal", '# %% mystnb={"image": {"alt": "x"}}\ntotal') == first
    assert _fingerprint(path, "count  *  3", "count * 4") != first


def test_fingerprint_is_the_same_for_both_of_a_pair_and_for_an_injected_copy(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    write_pair(path)
    pair = read_notebook(path.with_suffix(".ipynb"))
    assert fingerprint(pair) == _fingerprint(path)
    pair.cells.insert(2, nbformat.v4.new_code_cell("count = 9", metadata={"tags": ["injected-parameters"]}))
    assert fingerprint(pair) == _fingerprint(path)


def test_code_may_not_move_between_cells_unseen() -> None:
    one = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 1\nb = 2")])
    two = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 1"), nbformat.v4.new_code_cell("b = 2")])
    assert fingerprint(one) != fingerprint(two)


def test_syntax_ignores_docstrings_but_not_other_strings() -> None:
    assert syntax('def f():\n    "one"\n    return 1') == syntax('def f():\n    "two"\n    return 1')
    assert syntax('x = "one"') != syntax('x = "two"')
    assert syntax("%matplotlib inline") == "%matplotlib inline"


def test_pair_is_the_same_every_time_and_has_unique_ids(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    path.write_text(path.read_text() + "\n# %%\nprint(1)\n\n# %%\nprint(1)\n")
    text = pair_text(path)
    assert pair_text(path) == text
    cells = json.loads(text)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells) == 5
    nbformat.validate(json.loads(text))
    assert write_pair(path)
    assert not write_pair(path)


def test_refresh_keeps_outputs_and_takes_prose(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    executed = read_notebook(path)
    executed.metadata["articulens"] = {"kept": True}
    executed.cells[2].outputs = [nbformat.v4.new_output("stream", text="plain 6\n")]
    executed.cells.insert(2, nbformat.v4.new_code_cell("count = 2", metadata={"tags": ["injected-parameters"]}))
    path.write_text(path.read_text().replace("A small", "A tiny").replace("# a comment", "# other"))
    fresh = refresh_text(read_notebook(path), executed)
    assert fresh.cells[0].source == "# A tiny notebook"
    assert fresh.cells[2].source == "count = 2"
    assert "# other" in fresh.cells[3].source
    assert fresh.cells[3].outputs[0].text == "plain 6\n"
    assert fresh.metadata.articulens.kept


def test_a_figure_gives_its_cell_the_alt_text() -> None:
    cell = nbformat.v4.new_code_cell("draw()", metadata={"mystnb": {"image": {"alt": "old"}, "figure": {"name": "f"}}})
    told = {"image/png": {"alt": "r from 0.1 to 0.7"}, "isolated": True}
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": "aaaa"}, metadata=told)]
    slimmed = slim(nbformat.v4.new_notebook(cells=[cell]), Path("/nowhere")).cells[0]
    assert slimmed.metadata.mystnb == {"image": {"alt": "r from 0.1 to 0.7"}, "figure": {"name": "f"}}
    assert slimmed.outputs[0].metadata == {"image/png": {"alt": "r from 0.1 to 0.7"}}
    source = nbformat.v4.new_code_cell("draw()", metadata={"mystnb": {"figure": {"name": "g"}}})
    fresh = refresh_text(nbformat.v4.new_notebook(cells=[source]), nbformat.v4.new_notebook(cells=[slimmed]))
    assert fresh.cells[0].metadata.mystnb == {"image": {"alt": "r from 0.1 to 0.7"}, "figure": {"name": "g"}}


def test_refresh_changes_nothing_where_nothing_changed(book: Path) -> None:
    path = book / "notebooks" / "01_tiny.py"
    path.write_text(path.read_text() + "\n\ndef f():\n    return 1\n\n\n# %%\nf()\n")  # jupytext notes the blank lines
    executed = slim(read_notebook(path), book)
    assert refresh_text(read_notebook(path), executed).cells == executed.cells


def test_slim_removes_what_ties_to_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "laboratory-7")
    text = f"{tmp_path}/data and {Path.home()}/x on laboratory-7; {tmp_path}-other"
    cell = nbformat.v4.new_code_cell("x", metadata={"papermill": {"duration": 1}, "tags": ["keep"]})
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="a warning"),
        nbformat.v4.new_output("stream", name="stdout", text=text),
        nbformat.v4.new_output("display_data", data={"text/plain": text, "image/png": "aaaa"}),
    ]
    notebook = slim(nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}, "papermill": {}}), tmp_path)
    out = notebook.cells[0].outputs
    assert [o.output_type for o in out] == ["stream", "display_data"]
    assert out[0].text.startswith("./data and ~/x on localhost; ")
    assert out[0].text == out[1].data["text/plain"]
    assert f"{tmp_path}-other" in out[0].text, "another folder with the same beginning is another folder"
    assert notebook.metadata == {}
    assert notebook.cells[0].metadata == {"tags": ["keep"]}


def test_notebooks_are_found_by_path_and_name(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = book / "notebooks" / "01_tiny.py"
    write_pair(path)
    monkeypatch.chdir(book / "notebooks" / "params")
    assert find_root() == book
    for name in (path, path.with_suffix(".ipynb"), "01_tiny"):
        assert find_notebook(name) == path
    with pytest.raises(ArticulensError, match=r"01_tine: there is no such notebook; did you mean '01_tiny'\?"):
        find_notebook("01_tine")


def test_outside_a_book(tmp_path: Path) -> None:
    with pytest.raises(ArticulensError, match=r"no _toc\.yml"):
        find_root(tmp_path)


def test_a_broken_notebook_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.ipynb"
    path.write_text('{"cells": [')
    with pytest.raises(ArticulensError, match=r"cut\.ipynb: cannot be read as a notebook"):
        read_notebook(path)


def test_passages_begin_where_the_words_stand_and_end_with_their_cell() -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nBefore.\n\nThe rule moved after first\nresults:\n\n* so it was"),
        nbformat.v4.new_markdown_cell("Something else."),
        nbformat.v4.new_code_cell("# after first results"),
    ]
    found = passages(nbformat.v4.new_notebook(cells=cells), "After first results")
    assert found == ["The rule moved after first\nresults:\n\n* so it was"]
