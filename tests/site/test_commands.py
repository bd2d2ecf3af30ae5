"""Every command that a page tells a reader to type: it is run, or its words are checked by the program itself."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from articulens.cli import _pairs, app
from articulens.errors import ArticulensError
from articulens.publishing.notebooks import find_notebook, read_notebook
from articulens.publishing.parameters import check_parameters, inspect_parameters, read_params_file

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (
        *(ROOT / name for name in ("README.md", "index.md", "data/published.md", "data/bundled/CARD.md")),
        ROOT / "data" / "models" / "README.md",
        *(ROOT / "book").glob("*.md"),
        *(ROOT / "book" / "appendices").glob("*.md"),
        *(ROOT / "notebooks").glob("**/*.py"),
    )
)

#: Quick enough to run here, as they stand.
RUN = {"articulens corpus list", "articulens corpus describe bundled", "articulens models"}

#: Not run and not understood by our own programs: why they are right all the same.
REASONS = {
    "source .venv/bin/activate": "what `make setup` makes; the shell's own",
    ".venv/bin/python -m pip install jupyterlab": "fetches a package; the environment is that of `make setup`",
    ".venv/bin/jupyter lab notebooks/exercises": "opens a browser; the folder exists, see below",
    "cp -r cache/pretraining/tiny-start/model data/models/tiny-start": "after hours of training",
    "cp -r cache/speechlm/tiny-lm-text/model data/models/tiny-lm-text": "after minutes of training",
}


def _prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown")


def _commands(path: Path) -> Iterator[str]:
    """Yield what stands in blocks for the shell, and inline code that calls our command line or make."""
    text = _prose(path)
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        if kind in ("bash", "console", "sh", "shell") or (not kind and block.startswith("articulens")):
            for line in block.replace("\\\n", " ").splitlines():
                if command := line.partition("  #")[0].partition("   ")[0].strip().removeprefix("$ "):
                    yield command
    inline = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", inline):
        command = " ".join(code.split())
        # With its arguments: a bare name is a word about a command, not one to type.
        if re.match(r"(articulens (run|book|probe|predict|corpus [a-z]+) |make [a-z]+)", command):
            yield command


COMMANDS = sorted({(command, path.relative_to(ROOT).as_posix()) for path in PAGES for command in _commands(path)})


def test_the_pages_have_commands() -> None:
    found = {command for command, _ in COMMANDS}
    assert {"make test", "make book", "make book PARAMS=course"} <= found
    assert RUN | REASONS.keys() <= found, "a command that no page has any more; take it off the list"
    assert len(found) > 20


@pytest.mark.parametrize(("command", "page"), COMMANDS, ids=[f"{page}: {command}" for command, page in COMMANDS])
def test_the_command_is_right(command: str, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(command, comments=True)
    if command in REASONS:
        assert all(Path(word).exists() for word in words if word.startswith("notebooks/"))
    elif words[0] == "make":
        if shutil.which("make") is None:
            pytest.skip("needs make")
        done = subprocess.run(["make", "-n", *words[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for word in words[1:]:
            if word.startswith("PARAMS="):
                read_params_file(word.removeprefix("PARAMS="), ROOT)
    elif command in RUN:
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, done.output
        assert done.output.strip()
    else:
        assert words[0] in ("articulens", "python"), f"{page}: say in REASONS why '{command}' is right"
        if words[:2] == ["python", "-m"]:
            assert Path("src", *words[2].split(".")).with_suffix(".py").is_file()
            return
        path, values = _parse(words[1:])
        if path == ["run"]:
            _check_run(values)


def _parse(words: list[str]) -> tuple[list[str], dict[str, object]]:
    """Let the command line read the words without doing anything; return the subcommand and its values."""
    command, path, context = typer.main.get_command(app), [], None
    rest = _pairs(words)
    while hasattr(command, "commands"):
        name = rest[0] if rest else ""
        assert name in command.commands, f"articulens {' '.join(path)} has no command '{name}'"
        path.append(name)
        command, rest = command.commands[name], rest[1:]
    if "--help" in rest:
        rest.remove("--help")
    context = command.make_context(" ".join(path), rest)  # refuses unknown options and missing arguments
    return path, context.params


def _check_run(values: dict[str, object]) -> None:
    """The notebooks exist and have the parameters that are set."""
    given = dict(pair.partition("=")[::2] for pair in values["parameter"] or [])
    if values["params"]:
        read_params_file(values["params"], ROOT)
    for name in values["notebooks"]:
        notebook = find_notebook(name, ROOT)
        check_parameters(given, inspect_parameters(read_notebook(notebook), notebook), name)


def test_a_wrong_command_would_be_told() -> None:
    for words in (["prob"], ["probe", "--modell", "logmel"], ["corpus", "convert"]):
        with pytest.raises(Exception, match=r"no command 'prob'|No such option: --modell|Missing"):
            _parse(words)
    _, values = _parse(["run", "02_map_layers_and_sensors", "-p", "sed", "1"])
    with pytest.raises(ArticulensError, match="no parameter 'sed'"):
        _check_run(values)


def test_the_pages_are_spelt_right() -> None:
    codespell = pytest.importorskip("codespell_lib", reason="needs codespell (pip install -e '.[test]')")
    assert codespell.main(*map(str, PAGES), str(ROOT / "CITATION.cff")) == 0
