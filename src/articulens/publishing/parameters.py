"""Parameters of a notebook: which there are, and whether given values fit them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode

from articulens.errors import ArticulensError, suggest
from articulens.publishing.notebooks import tags

_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


@dataclass(frozen=True)
class Parameter:
    """One line of the cell tagged ``parameters``: ``name: type = default``."""

    name: str
    type: str
    default: Any


def inspect_parameters(notebook: NotebookNode, path: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name, in order.

    Raises
    ------
    ArticulensError
        When a line of the parameters cell is not ``name: type = literal``.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "parameters" in tags(cell)]
    found: dict[str, Parameter] = {}
    for cell in cells:
        for line in ast.parse(cell.source).body:
            try:
                if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value):
                    raise ValueError
                name = line.target.id
                found[name] = Parameter(name, ast.unparse(line.annotation), ast.literal_eval(line.value))
            except ValueError:
                raise ArticulensError(
                    f"{path}: the parameters cell holds '{ast.unparse(line)}', but each of its lines must be "
                    "'name: type = literal'; move what is computed to a later cell."
                ) from None
    return found


def check_parameters(values: Mapping[str, Any], known: Mapping[str, Parameter], where: str | Path) -> dict[str, Any]:
    """Return `values` fit for the notebook `where`; text is decoded where the parameter is not a ``str``.

    Raises
    ------
    ArticulensError
        For an unknown name or a value of the wrong type.
    """
    checked = {}
    for name, value in values.items():
        if name not in known:
            hint = suggest(name, list(known)) if known else "; it has none."
            raise ArticulensError(f"{where}: the notebook has no parameter '{name}'{hint}")
        checked[name] = _fit(value, known[name], where)
    return checked


def _fit(value: Any, parameter: Parameter, where: str | Path) -> Any:
    allowed = _TYPES.get(parameter.type.partition("[")[0])
    if isinstance(value, str) and parameter.type != "str":
        try:
            decoded = yaml.safe_load(value)
        except yaml.YAMLError:
            decoded = value
        value = decoded if allowed else value if decoded is None else decoded
    if allowed is None:  # a richer annotation: the notebook judges
        return value
    if isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool)):
        return value
    raise ArticulensError(
        f"{where}: parameter '{parameter.name}' was given {value!r}, but it is of type {parameter.type}; "
        f"give a value like {parameter.default!r}."
    )


def read_params_file(spec: str | Path, root: Path) -> dict[str, dict[str, Any]]:
    """Read ``{notebook: {parameter: value}}`` from a YAML file, given by path or by name in notebooks/params.

    Raises
    ------
    ArticulensError
        When the file is missing, is not such a mapping, or names a notebook that does not exist.
    """
    folder = root / "notebooks" / "params"
    path = Path(spec)
    if not path.is_file():
        path = folder / f"{spec}.yaml"
    if not path.is_file():
        names = [known.stem for known in sorted(folder.glob("*.yaml"))]
        raise ArticulensError(f"{spec}: there is no such parameter file{suggest(str(spec), names)}")
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ArticulensError(f"{path}: is not YAML ({reason}); correct it.") from error
    table = {stem: values or {} for stem, values in table.items()} if isinstance(table, dict) else None
    if table is None or not all(isinstance(values, dict) for values in table.values()):
        raise ArticulensError(f"{path}: must map each notebook to a mapping of its parameters; correct it.")
    notebooks = [known.stem for known in sorted(root.glob("notebooks/**/*.py"))]
    for stem in table:
        if stem not in notebooks:
            raise ArticulensError(
                f"{path}: names the notebook '{stem}', which does not exist{suggest(stem, notebooks)}"
            )
    return table
