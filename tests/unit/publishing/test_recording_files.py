"""A chapter that reads another chapter's table is stale when that table changed."""

from articulens.publishing.manifest import why_stale
from articulens.publishing.recording import VARIABLE, file_fingerprint, read_record, record


def test_a_table_that_was_read_is_a_cause(tmp_path, monkeypatch):
    import nbformat

    table = tmp_path / "table.csv"
    table.write_text("r\n0.5\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "record.json"))
    record(files=[table, tmp_path / "absent.csv"])
    told = read_record(tmp_path / "record.json")
    assert told["files"] == {str(table): file_fingerprint(table), str(tmp_path / "absent.csv"): None}
    now = {"code": "c", "package": "p", "lock": "l", "parameters": {}}
    executed = nbformat.v4.new_notebook(metadata={"articulens": {"causes": {**now, **told}}})
    path = tmp_path / "executed.ipynb"
    nbformat.write(executed, path)
    assert why_stale(path, now, tmp_path) == ()
    table.write_text("r\n0.6\n")
    assert why_stale(path, now, tmp_path) == ("table.csv changed",)
