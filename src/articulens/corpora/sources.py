"""Where corpora can be had, as far as public documentation says; nothing here was guessed.

A corpus is downloaded only from addresses that its keepers or public code that uses it name. Where none is known,
there is a sentence about whom to ask. Checksums are given where they are published; otherwise that of the first
download is kept beside it and compared from then on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file to download.

    Attributes
    ----------
    url
        Where it is.
    sha256
        Its published checksum, or None.
    unpack
        Whether it is an archive whose content is wanted.
    """

    url: str
    sha256: str | None = None
    unpack: bool = True

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Source:
    """Where a corpus is.

    Attributes
    ----------
    licence
        What one may do with it; shown before anything is downloaded.
    page
        Where to read about it, or whom to ask.
    files
        What to download; empty where one has to ask.
    """

    licence: str
    page: str
    files: tuple[File, ...] = ()


def _files(base: str, *names: str) -> tuple[File, ...]:
    return tuple(File(base + name, unpack=name.endswith((".zip", ".gz", ".bz2"))) for name in names)


_SPIRE = "https://huggingface.co/datasets/SpireLab/SPIRE_EMA_CORPUS/resolve/55f21628de95514e3ff22eaccc75e1547d181297/"

SOURCES: dict[str, Source] = {
    "mocha": Source(
        "MOCHA-TIMIT, Queen Margaret University College: research, educational and individual use only, "
        "not commercial; LICENCE.txt must stay with the data.",
        "https://data.cstr.ed.ac.uk/mocha/",
        _files(
            "https://data.cstr.ed.ac.uk/mocha/",
            "LICENCE.txt",
            "mocha-timit.txt",
            "fsew0_v1.1.tar.gz",
            "msak0_v1.1.tar.gz",
            "maps0.tar.gz",
        ),
    ),
    "torgo": Source(
        "TORGO, University of Toronto: read the terms at its page before you use it (about 9.5 GB in four archives).",
        "https://www.cs.toronto.edu/~complingweb/data/TORGO/torgo.html",
        _files(
            "https://www.cs.toronto.edu/~complingweb/data/TORGO/", "F.tar.bz2", "FC.tar.bz2", "M.tar.bz2", "MC.tar.bz2"
        ),
    ),
    "spire-ema": Source(
        "SPIRE-EMA, SpireLab: Creative Commons Attribution 4.0.",
        "https://huggingface.co/datasets/SpireLab/SPIRE_EMA_CORPUS",
        (
            File(_SPIRE + "processed.zip", sha256="ea1c3440af2b69cef0765b97e1e533ea72dae6029c49a175e1a93761c4236d04"),
            File(_SPIRE + "audios.zip"),
        ),
    ),
    "pb2007": Source(
        "PB2007: read the licence at its Zenodo record before you use it.",
        "https://zenodo.org/records/6390598",
        (File("https://zenodo.org/records/6390598/files/PB2007.zip"),),
    ),
    "frost": Source(
        "FROST-EMA: not public.",
        "ask the authors of Hopponen et al. (2025), Interspeech, arXiv 2506.08981; no page of the data set is known",
    ),
    "mngu0": Source(
        "mngu0: for research, after registration.",
        "ask Korin Richmond, University of Edinburgh, as https://homepages.inf.ed.ac.uk/korin/site/research/mngu0/ "
        "says; the domain mngu0.org has lapsed",
    ),
    "hprc": Source(
        "HPRC: not stated with the recordings; ask Haskins Laboratories.",
        "https://yale.app.box.com/s/cfn8hj2puveo65fq54rp1ml2mk7moj3h (to be opened in a browser)",
    ),
    "usc-timit": Source(
        "USC-TIMIT: see its page.",
        "https://sail.usc.edu/span/usc-timit/ (its direct addresses could not be established)",
    ),
    "xrmb": Source("Wisconsin X-ray microbeam: not to be passed on.", "ask its keepers; no page of today is known"),
    "ema-mae": Source("EMA-MAE: on request.", "ask the Speech and Swallowing Laboratory, Marquette University"),
    "librispeech": Source(
        "LibriSpeech: Creative Commons Attribution 4.0.", "https://www.openslr.org/12 (choose the parts you need there)"
    ),
    "voxceleb1": Source(
        "VoxCeleb1: read the terms at its page; the recordings are other people's.",
        "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html",
    ),
    "fluent": Source(
        "Fluent Speech Commands: for academic research, see its licence.",
        "ask Fluent.ai; the address of the download has moved more than once",
    ),
    "artpros": Source("artpros: no licence stated; ask its author.", "https://github.com/fjohan/artpros"),
}
