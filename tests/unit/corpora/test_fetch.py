"""Downloads from a server of our own: licence, resumption, checksums, hostile archives; and no address invented."""

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from articulens.corpora import known_corpora
from articulens.corpora.archives import unpack
from articulens.corpora.fetch import DOWNLOADS, describe, fetch
from articulens.corpora.sources import SOURCES, File, Source
from articulens.errors import ArticulensError


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members, mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def server():
    """A server that knows ranges and can be told to hang up in the middle."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = httpd.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            begin = 0
            asked = self.headers.get("Range")
            if asked:
                begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            httpd.asked.append((self.path, begin))
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            if asked:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            stop = httpd.hang_up_after.pop(0) if httpd.hang_up_after else len(content)
            self.wfile.write(content[begin : begin + stop])

        def log_message(self, *words):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.asked, httpd.hang_up_after = {}, [], []
    httpd.base = f"http://127.0.0.1:{httpd.server_port}/"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def offer(server, content, name="a.zip", sha256=None):
    server.files[name] = content
    return {
        "mine": Source("Do good.", "https://example.org", (File(server.base + name, sha256, name != "LICENCE.txt"),))
    }


def test_the_licence_comes_first(server, tmp_path):
    sources = offer(server, zipped({"s/a.csv": b"1"}))
    assert describe("mine", sources).startswith("Do good.\nSee https://example.org")
    with pytest.raises(ArticulensError, match=r"Do good\. Read it at https://example.org"):
        fetch("mine", tmp_path / "new", sources=sources)
    assert server.asked == [] and not (tmp_path / "new").exists()


@pytest.mark.parametrize("pack", [zipped, tarred, lambda m: tarred(m, "w:bz2"), lambda m: tarred(m, "w")])
def test_fetch_unpacks(server, tmp_path, pack):
    sources = offer(server, pack({"s1/a.csv": b"one", "s1/deep/b.csv": b"two"}))
    assert fetch("mine", tmp_path, accepted=True, sources=sources) == tmp_path
    assert (tmp_path / "s1" / "deep" / "b.csv").read_bytes() == b"two"
    assert sorted(p.name for p in tmp_path.iterdir()) == [DOWNLOADS, "s1"]
    fetch("mine", tmp_path, accepted=True, sources=sources)
    assert len(server.asked) == 1  # what is there and right is not downloaded again


def test_an_interrupted_download_goes_on(server, tmp_path):
    content = zipped({"a.bin": bytes(range(256)) * 40_000})
    sources = offer(server, content, sha256=hashlib.sha256(content).hexdigest())
    server.hang_up_after = [3_000_000, 4_000_000]
    for _ in range(2):
        with pytest.raises(ArticulensError, match="goes on where it stopped"):
            fetch("mine", tmp_path, accepted=True, sources=sources)
    fetch("mine", tmp_path, accepted=True, sources=sources)
    begins = [begin for _, begin in server.asked]
    assert begins[0] == 0 and begins[1] > 2_000_000 and begins[2] > begins[1] + 3_000_000
    assert (tmp_path / "a.bin").stat().st_size == 256 * 40_000


def test_another_file_than_the_published_one_is_refused(server, tmp_path):
    sources = offer(server, zipped({"a.csv": b"1"}), sha256="0" * 64)
    with pytest.raises(ArticulensError, match=r"is not what was published \(its SHA-256 is not 000000000000"):
        fetch("mine", tmp_path, accepted=True, sources=sources)
    assert not (tmp_path / "a.csv").exists()


def test_a_file_that_changed_since_the_first_download_is_noticed(server, tmp_path):
    sources = offer(server, zipped({"a.csv": b"1"}))
    fetch("mine", tmp_path, accepted=True, sources=sources)
    (tmp_path / DOWNLOADS / "a.zip").unlink()
    offer(server, zipped({"a.csv": b"something else"}))
    with pytest.raises(ArticulensError, match="is not what was published"):
        fetch("mine", tmp_path, accepted=True, sources=sources)
    assert (tmp_path / "a.csv").read_bytes() == b"1"


def test_what_is_not_there(server, tmp_path):
    sources = {"mine": Source("Free.", "x", (File(server.base + "none.zip"),))}
    with pytest.raises(ArticulensError, match=r"none\.zip: cannot be downloaded \(404"):
        fetch("mine", tmp_path, accepted=True, sources=sources)
    with pytest.raises(ArticulensError, match=r"has no file 'non\.zip'; did you mean 'none\.zip'"):
        fetch("mine", tmp_path, accepted=True, sources=sources, parts=["non.zip"])
    with pytest.raises(ArticulensError, match="'mime'; did you mean 'mine'"):
        describe("mime", sources)


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


HOSTILE = {
    "up.zip": zipped({"good.csv": b"1", "../evil.csv": b"2"}),
    "absolute.zip": zipped({"/tmp/evil.csv": b"2"}),
    "backslash.zip": zipped({"..\\evil.csv": b"2"}),
    "up.tar": tarred({"good.csv": b"1", "a/../../evil.csv": b"2"}),
    "absolute.tar": tarred({"/tmp/evil.csv": b"2"}),
    "link.tar": tarred({link("out", "/etc"): b"", "out/evil.csv": b"2"}),
    "hardlink.tar": tarred({link("passwd", "/etc/passwd", tarfile.LNKTYPE): b""}),
    "device.tar": tarred({link("null", "", tarfile.CHRTYPE): b""}),
    "pipe.tar": tarred({link("pipe", "", tarfile.FIFOTYPE): b""}),
}
symlinked = zipfile.ZipInfo("out")
symlinked.external_attr = 0o120777 << 16
HOSTILE["link.zip"] = zipped({symlinked: b"/etc"})


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_leave_no_trace(tmp_path, name):
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(ArticulensError, match=r"leads out of the folder|is a link or a device"):
        unpack(tmp_path / name, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []
    assert not (tmp_path / "evil.csv").exists() and not Path("/tmp/evil.csv").exists()


def test_archives_that_unpack_without_end(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    (tmp_path / "bomb.zip").write_bytes(stream.getvalue())
    with pytest.raises(ArticulensError, match="more than there is room for"):
        unpack(tmp_path / "bomb.zip", tmp_path / "target", max_bytes=10_000_000)
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"no archive", tarred({"a": bytes(10_000)})[:-200], zipped({"a": b"1" * 99})[:-30]]
)
def test_damaged_archives(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ArticulensError, match=r"a\.zip: (cannot be unpacked|.* is cut short)"):
        unpack(tmp_path / "a.zip", tmp_path / "target")


def test_every_recipe_says_where_its_corpus_is():
    ours = {"bundled", "sound", "tabular", "carstens-folder"}
    assert set(SOURCES) == set(known_corpora()) - ours
    for name, source in SOURCES.items():
        assert source.licence and source.page and describe(name)
        assert all(file.url.startswith("https://") for file in source.files)
        if not source.files:
            with pytest.raises(ArticulensError, match="has no open download that is known"):
                fetch(name, "/nowhere", accepted=True)
