"""No import runs against the arrows of book/architecture.md."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "articulens"
BASE = {"errors", "files"}
#: What each part may import of the others; a part that is not named may import what it needs.
MAY = {
    "corpora": BASE,
    "encoders": BASE,
    "moments": BASE,
    "probes": BASE | {"agreement", "moments"},
    "synthesis": BASE | {"alt_text", "corpora", "drawing"},
    "figures": {"alt_text", "drawing", "evaluation"},
}


def imported(path: Path) -> set[str]:
    """Return the parts of the package that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("articulens.")}


@pytest.mark.parametrize("part", MAY)
def test_a_part_imports_only_what_lies_before_it(part):
    files = [*PACKAGE.glob(f"{part}.py"), *PACKAGE.glob(f"{part}/**/*.py")]
    files += PACKAGE.glob("figures_*.py") if part == "figures" else []
    assert files
    against = {path.name: imported(path) - MAY[part] - {part} for path in files}
    assert not {name: found for name, found in against.items() if found}


def test_nothing_but_publishing_and_commands_imports_publishing():
    files = [p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts[0] not in ("publishing", "cli.py")]
    assert not [path.name for path in files if "publishing" in imported(path)]
