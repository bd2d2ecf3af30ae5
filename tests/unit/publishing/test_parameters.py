from pathlib import Path

import pytest

from articulens.errors import ArticulensError
from articulens.publishing.notebooks import read_notebook
from articulens.publishing.parameters import check_parameters, inspect_parameters, read_params_file


@pytest.fixture
def known(book: Path) -> dict:
    path = book / "notebooks" / "01_tiny.py"
    return inspect_parameters(read_notebook(path), path)


def test_parameters_with_type_and_default(known: dict) -> None:
    assert {name: (p.type, p.default) for name, p in known.items()} == {
        "count": ("int", 2),
        "words": ("list", ["a"]),
        "scale": ("float", 1.0),
        "name": ("str", "plain"),
        "quick": ("bool", False),
    }


@pytest.mark.parametrize("line", ["count = 2", "count: int", "count: int = 1 + x", "import os"])
def test_only_annotated_literals(book: Path, line: str) -> None:
    path = book / "notebooks" / "01_tiny.py"
    path.write_text(path.read_text().replace("count: int = 2", line))
    with pytest.raises(ArticulensError, match=r"01_tiny\.py: the parameters cell holds .* 'name: type = literal'"):
        inspect_parameters(read_notebook(path), path)


def test_text_is_decoded_by_the_annotation(known: dict) -> None:
    given = {"count": "3", "words": "[x, y]", "scale": "2", "name": "7", "quick": "true"}
    wanted = {"count": 3, "words": ["x", "y"], "scale": 2, "name": "7", "quick": True}
    assert check_parameters(given, known, "nb") == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "three"),
        ("count", 1.5),
        ("count", True),
        ("words", "x"),
        ("name", 7),
        ("quick", 1),
        ("scale", None),
    ],
)
def test_a_value_of_the_wrong_type(known: dict, name: str, value: object) -> None:
    with pytest.raises(ArticulensError, match=rf"nb: parameter '{name}' was given .* is of type {known[name].type}"):
        check_parameters({name: value}, known, "nb")


def test_an_unknown_name_gets_a_suggestion(known: dict) -> None:
    with pytest.raises(ArticulensError, match=r"no parameter 'cuont'; did you mean 'count'\?"):
        check_parameters({"cuont": 1}, known, "nb")


def test_params_file_by_name_and_path(book: Path) -> None:
    wanted = {"01_tiny": {"count": 5}}
    assert read_params_file("smoke", book) == wanted
    assert read_params_file(book / "notebooks" / "params" / "smoke.yaml", book) == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("01_tyni: {count: 5}", "names the notebook '01_tyni', which does not exist; did you mean '01_tiny'"),
        ("[1, 2]", "must map each notebook"),
        ("01_tiny: 3", "must map each notebook"),
        ("01_tiny: {", "is not YAML"),
    ],
)
def test_a_bad_params_file(book: Path, content: str, message: str) -> None:
    (book / "notebooks" / "params" / "bad.yaml").write_text(content)
    with pytest.raises(ArticulensError, match=f"bad.yaml: {message}"):
        read_params_file("bad", book)


def test_a_missing_params_file(book: Path) -> None:
    with pytest.raises(ArticulensError, match=r"smoek: there is no such parameter file; did you mean 'smoke'"):
        read_params_file("smoek", book)
