import json
import os
import signal
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

import pytest
from joblib import cpu_count

from articulens.errors import ArticulensError
from articulens.publishing import run_notebooks
from articulens.publishing.manifest import package_fingerprint, update_manifest
from articulens.publishing.notebooks import read_notebook


def _run(book: Path, **options: object):
    (run,) = run_notebooks([book / "notebooks" / "01_tiny.py"], say=lambda line: None, **options)
    return run


def _edit(book: Path, old: str, new: str) -> None:
    path = book / "notebooks" / "01_tiny.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def _printed(path: Path) -> str:
    return "".join(o.text for c in read_notebook(path).cells for o in c.get("outputs", []) if "text" in o)


def test_runs_once_then_only_for_a_reason(book: Path) -> None:
    first = _run(book)
    assert first.reasons == ("there is no executed copy",)
    assert first.output == book / "book" / "executed" / "01_tiny.ipynb"
    assert _printed(first.output) == "plain 6\n"
    before = first.output.read_bytes()
    assert not _run(book).ran
    assert not _run(book, params={"count": "2"}).ran, "the default given by hand is no other parameter"
    assert first.output.read_bytes() == before

    assert _run(book, params_file="smoke").reasons == ("its parameters changed",)
    assert _printed(first.output) == "plain 15\n"
    _edit(book, "count * 3", "count * 10")
    assert _run(book, params={"count": 4}, params_file="smoke").reasons == (
        "its code changed",
        "its parameters changed",
    )
    assert _printed(first.output) == "plain 40\n", "-p goes before the file"
    (book / "requirements.lock").write_text("numpy==2.4.7\n")
    assert _run(book, params={"count": 4}).reasons == ("requirements.lock changed",)
    assert _run(book, params={"count": 4}, force=True).reasons == ("asked for",)


def test_a_changed_sentence_needs_no_run(book: Path) -> None:
    output = _run(book).output
    _edit(book, "A small", "A tiny")
    assert not _run(book).ran
    executed = read_notebook(output)
    assert executed.cells[0].source == "# A tiny notebook"
    assert _printed(output) == "plain 6\n"


def test_a_changed_package_makes_stale(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(book)
    monkeypatch.setattr("articulens.publishing.manifest.package_fingerprint", lambda: "other")
    assert _run(book).reasons == ("the package changed",)


def test_package_fingerprint_ignores_what_no_result_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__init__.py", "cli.py", "publishing/site.py", "core.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr("articulens.__file__", str(tmp_path / "__init__.py"))

    def after(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        package_fingerprint.cache_clear()
        return package_fingerprint()

    first = after("core.py", "x = 1  # why\n")
    assert after("cli.py", "x = 2\n") == first
    assert after("publishing/site.py", "x = 2\n") == first
    assert after("core.py", "x = 2\n") != first
    package_fingerprint.cache_clear()


RECORDING = """
from articulens.publishing import record

class Thing:
    fingerprint = "weights"

class Recordings:
    def fingerprint(self):
        return "bytes"

record(corpora={"made-up": Recordings()}, encoders={"logmel": Thing()})
record(encoders={"../model": Thing()})
"""


def test_a_notebook_tells_what_it_used(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (book / "model").mkdir()
    (book / "model" / "weights").write_text("1")
    _edit(book, "total =", RECORDING + "\ntotal =")
    output = _run(book).output
    past = json.loads(output.read_text())["metadata"]["articulens"]
    assert past["causes"]["corpora"] == {"made-up": "bytes"}
    assert past["causes"]["models"]["logmel"] == {"fingerprint": "weights", "files": None}
    assert past["causes"]["models"]["../model"]["files"]

    now = {"made-up": "bytes"}
    hashed = lru_cache(maxsize=0)(now.get)  # forgets, as the real one can be told to
    monkeypatch.setattr("articulens.publishing.manifest._corpus_fingerprint", hashed)
    assert not _run(book).ran
    (book / "model" / "weights").write_text("2")
    now["made-up"] = "other"
    assert _run(book).reasons == ("corpus 'made-up' changed", "model '../model' changed")


def test_a_failing_notebook_keeps_the_old_copy(book: Path) -> None:
    output = _run(book).output
    before = output.read_bytes()
    _edit(book, "print(name, total)", "print('so far')\nassert total == 7, 'seven'")
    with pytest.raises(ArticulensError) as caught:
        _run(book)
    failed = output.parent / "failed" / output.name
    assert str(caught.value) == (
        "01_tiny.py, code cell 2: AssertionError at 'assert total == 7, 'seven'' (seven); "
        f"see {failed}, then correct the cell and run again."
    )
    assert output.read_bytes() == before
    assert "so far" in _printed(failed)
    _edit(book, "total == 7", "total == 6")
    assert _run(book).ran
    assert not failed.exists()


def test_our_own_error_in_a_notebook_is_said_as_it_is(book: Path) -> None:
    _edit(
        book,
        "print(name, total)",
        "from articulens.errors import ArticulensError\nraise ArticulensError('x.wav: is empty; delete it.')",
    )
    with pytest.raises(ArticulensError, match=r"^01_tiny\.py, code cell 2: x\.wav: is empty; delete it\.$"):
        _run(book)


def test_one_failing_notebook_does_not_stop_the_next(book: Path) -> None:
    good = book / "notebooks" / "01_tiny.py"
    bad = book / "notebooks" / "00_bad.py"
    bad.write_text("# %%\n1 / 0\n")
    with pytest.raises(ArticulensError, match=r"^00_bad\.py, code cell 1: ZeroDivisionError at '1 / 0'"):
        run_notebooks([bad, good], say=lambda line: None)
    assert _printed(book / "book" / "executed" / "01_tiny.ipynb") == "plain 6\n"


def test_a_dead_kernel_is_explained(book: Path) -> None:
    _edit(book, "print(name, total)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ArticulensError, match=r"01_tiny\.py: the kernel stopped .* want of memory"):
        _run(book)


def test_nothing_runs_when_a_parameter_is_unknown(book: Path) -> None:
    with pytest.raises(ArticulensError, match="no parameter 'cout'"):
        _run(book, params={"cout": 1})
    assert not (book / "book").exists()


def _beside(book: Path, name: str, code: str) -> Path:
    path = book / "notebooks" / f"{name}.py"
    path.write_text(f"# %%\n{code}\n")
    return path


MEET = """
import pathlib, time
pathlib.Path("{own}").touch()
for _ in range(600):
    if pathlib.Path("{other}").exists():
        break
    time.sleep(0.1)
else:
    raise TimeoutError("nobody came")
"""


@pytest.mark.skipif(cpu_count() < 2, reason="two notebooks need two cores to run side by side")
def test_two_run_at_a_time_each_with_its_share_of_the_cores(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    shares = "import os\nprint(os.environ['LOKY_MAX_CPU_COUNT'], os.environ['OMP_NUM_THREADS'])"
    paths = [
        _beside(book, "02_one", MEET.format(own="a", other="b") + shares),
        _beside(book, "03_two", MEET.format(own="b", other="a") + shares),
    ]
    lines: list[str] = []
    runs = run_notebooks(paths, say=lines.append)
    assert [run.notebook for run in runs] == ["02_one", "03_two"]
    assert [_printed(run.output) for run in runs] == [f"{cpu_count() // 2} {cpu_count() // 2}\n"] * 2
    assert [line.partition(":")[0] for line in lines[:2]] == ["02_one", "03_two"]


def test_a_chapter_waits_for_the_earlier_ones_whose_tables_it_names(book: Path) -> None:
    write = "import pathlib, time\ntime.sleep(1)\npathlib.Path('02_one.csv').write_text('r')"
    read = "import pathlib\nname = '02_one_and_more'\nprint(pathlib.Path('02_one.csv').read_text())"
    paths = [_beside(book, "02_one", write), _beside(book, "03_two", read)]
    lines: list[str] = []
    assert _printed(run_notebooks(paths, say=lines.append)[1].output) == "r\n"
    assert [line.split()[:2] for line in lines] == [
        ["02_one:", "running,"], ["02_one:", "done"], ["03_two:", "running,"], ["03_two:", "done"],
    ]  # fmt: skip
    assert len(run_notebooks(paths[::-1], force=True, say=lines.append)) == 2, "who comes first waits for nobody"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_kill_leaves_the_old_copies_and_no_kernel(book: Path, how: signal.Signals) -> None:
    output = _run(book).output
    before = output.read_bytes()
    asleep = "import os, time, pathlib\npathlib.Path('{}').write_text(str(os.getpid()))\ntime.sleep(120)"
    _edit(book, "print(name, total)", asleep.format("pid"))
    paths = [str(book / "notebooks" / "01_tiny.py"), str(_beside(book, "02_new", asleep.format("pid2")))]
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's & would ignore it
        f"from articulens.publishing import run_notebooks; run_notebooks({paths!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    markers = [book / "notebooks" / "pid", book / "notebooks" / "pid2"][: min(2, cpu_count())]
    _wait(lambda: all(marker.exists() and marker.read_text() for marker in markers))
    process.send_signal(how)
    assert process.wait(timeout=60) != 0
    assert output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    for marker in markers:
        kernel = int(marker.read_text())
        _wait(lambda kernel=kernel: not _alive(kernel))


def _wait(done, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_manifest_changes_only_with_a_cause(book: Path) -> None:
    output = _run(book).output
    path = output.parent / "MANIFEST.json"
    update_manifest(book, ["01_tiny"])
    first = path.read_text()
    entry = json.loads(first)["01_tiny"]
    assert entry["causes"]["parameters"]["count"] == 2
    assert {"sha256", "bytes", "seconds", "started", "commit", "versions", "hardware"} < set(entry)
    assert str(book) not in first
    _run(book, force=True)
    update_manifest(book, ["01_tiny"])
    assert path.read_text() == first, "the same run again, at another time, is no news"
    _run(book, params={"count": 3})
    update_manifest(book, ["01_tiny"])
    assert json.loads(path.read_text())["01_tiny"]["causes"]["parameters"]["count"] == 3


def test_a_notebook_in_a_folder_of_its_own_keeps_it(book: Path) -> None:
    path = book / "notebooks" / "first_steps" / "walk.py"
    path.parent.mkdir()
    path.write_text((book / "notebooks" / "01_tiny.py").read_text())
    (run,) = run_notebooks([path], say=lambda line: None)
    assert run.output == book / "book" / "executed" / "first_steps" / "walk.ipynb"
    assert run.output.is_file()
    update_manifest(book, ["first_steps/walk"])
    assert set(json.loads((book / "book" / "executed" / "MANIFEST.json").read_text())) == {"first_steps/walk"}
