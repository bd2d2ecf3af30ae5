"""Files in the formats of other programs, byte for byte: what `articulens.corpora.readers` reads, written.

For tests, benchmarks and teaching: real recordings in most of these formats may not be passed on. To store your own
recordings use `articulens.corpora.write_trajectory`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from articulens.corpora.readers.carstens_ascii import FIELDS
from articulens.corpora.readers.xrmb import MISSING, PELLETS
from articulens.corpora.schema import Trajectory

XYZ = {"x": "+X", "y": "+Y", "z": "+Z"}


def carstens_frames(sensors: Mapping[int, ArrayLike], sockets: int = 16, rms: float = 5.0) -> NDArray[np.float32]:
    """Return (samples, sockets, 7) from positions (samples, 3) by socket; unused sockets are zero, NaN too."""
    n = len(np.asarray(next(iter(sensors.values()))))
    frames = np.zeros((n, sockets, 7), dtype="<f4")
    for socket, xyz in sensors.items():
        positions = np.asarray(xyz, dtype=np.float32)
        tracked = np.isfinite(positions).all(axis=1)
        frames[tracked, socket - 1, :3] = positions[tracked]
        frames[:, socket - 1, 5] = rms
    return frames


def carstens_binary(frames: ArrayLike, rate_hz: int = 250, version: int = 3, header_bytes: int = 4096) -> bytes:
    """Return an AG501 ``.pos`` of frames (samples, sockets, 7)."""
    values = np.asarray(frames, dtype="<f4")
    header = (
        f"AG50xDATA_V00{version}\n{header_bytes:08d}\nNumberOfChannels={values.shape[1]}\n"
        f"SamplingFrequencyHz={rate_hz}\n"
    ).encode()
    if version == 3 and header_bytes > len(header) + 60:
        header += b"sweepsaver.version=v2.3-r3359\nnormpos.FIR_x_5_15_60_250=1,2,3\n"
    ending = b"\0\x1a" if version < 3 else b"\0"
    return header + ending.rjust(header_bytes - len(header), b"\0") + values.tobytes()


def carstens_ag500(frames: ArrayLike) -> bytes:
    """Return an AG500 ``.pos`` of frames (samples, sockets, 7): no header."""
    return np.asarray(frames, dtype="<f4").tobytes()


def carstens_ascii(frames: ArrayLike, *, header: bool = True) -> bytes:
    """Return the text export of frames (samples, sockets, 7), two decimals."""
    values = np.asarray(frames)
    stream = io.BytesIO()
    names = "\t".join(f"Ch{s}_{name}" for s in range(1, values.shape[1] + 1) for name in FIELDS)
    np.savetxt(stream, values.reshape(len(values), -1), "%.2f", "\t", header=names if header else "", comments="")
    return stream.getvalue()


def est_track(
    values: ArrayLike,
    names: Sequence[str],
    rate_hz: float,
    *,
    start_s: float = 0.0,
    binary: bool = True,
    big_endian: bool = False,
    flags: ArrayLike | None = None,
) -> bytes:
    """Return an EST track of values (samples, channels)."""
    table = np.asarray(values, dtype=np.float64)
    times = start_s + np.arange(len(table)) / rate_hz
    flag = np.ones(len(table)) if flags is None else np.asarray(flags, dtype=np.float64)
    order = f"ByteOrder {'10' if big_endian else '01'}\n" if binary else ""
    header = (
        f"EST_File Track\nDataType {'binary' if binary else 'ascii'}\n{order}NumFrames {len(table)}\n"
        f"NumChannels {len(names)}\nNumAuxChannels 0\nEqualSpace 1\nBreaksPresent true\n"
        + "".join(f"Channel_{i} {name}\n" for i, name in enumerate(names))
        + "EST_Header_End\n"
    )
    records = np.column_stack([times, flag, table])
    if binary:
        return header.encode() + records.astype(">f4" if big_endian else "<f4").tobytes()
    lines = [f"{t:.6f}\t{int(f)} \t" + " ".join(f"{v:.6f}" for v in row) + "\n" for t, f, *row in records]
    return (header + "".join(lines)).encode()


def mview(
    signals: Mapping[str, tuple[float, ArrayLike]],
    name: str = "F01_B01_S01_R01_N",
    *,
    phones: Sequence[tuple[float, float, str]] = (),
    zip: bool = False,
) -> bytes:
    """Return an MVIEW ``.mat`` of (rate, samples (n, columns)) by signal; the first one has the phones."""
    from scipy.io import savemat

    fields = [("NAME", object), ("SRATE", object), ("SIGNAL", object), ("SENTENCE", object), ("PHONES", object)]
    elements = np.zeros((1, len(signals)), dtype=fields)
    labels = np.zeros((1, len(phones)), dtype=[("LABEL", object), ("OFFS", object)])
    labels[0] = [(label, np.array([[start, end]])) for start, end, label in phones]
    for i, (signal, (rate, samples)) in enumerate(signals.items()):
        own = labels if i == 0 and phones else np.zeros((0, 0))
        elements[0, i] = (signal, float(rate), np.asarray(samples, dtype=np.float32), "a sentence", own)
    stream = io.BytesIO()
    savemat(stream, {name: elements}, do_compression=zip)  # type: ignore[arg-type]
    return stream.getvalue()


def xrmb(pellets: Mapping[str, ArrayLike], rate_hz: float = 1e6 / 6866) -> bytes:
    """Return a ``.txy`` of positions (samples, 2) in mm by pellet; NaN and absent pellets are 1000000."""
    n = len(np.asarray(next(iter(pellets.values()))))
    columns = [np.round(np.arange(n) * 1e6 / rate_hz)]
    for pellet in PELLETS:
        xy = np.asarray(pellets.get(pellet, np.full((n, 2), np.nan)), dtype=np.float64) * 1000
        columns += [*np.where(np.isfinite(xy), np.round(xy, 3), MISSING).T]
    lines = ["\t".join(f"{value:.15g}" for value in row) + "\n" for row in zip(*columns, strict=True)]
    return "".join(lines).encode()


def ndi_sensors(sensors: Mapping[int, ArrayLike], rate_hz: float = 100.0, *, start_s: float = 0.0155) -> bytes:
    """Return an NDI ``.tsv`` with nine columns for every sensor; NaN is a blank cell."""
    tables = {k: np.asarray(xyz, dtype=np.float64) for k, xyz in sensors.items()}
    header = ["Time[s]", "MeasId", "WavId"]
    for k in tables:
        header += [f"Sensor {k} Id", f"Sensor {k} Status", "X[mm]", "Y[mm]", "Z[mm]", "Q0", "Qx", "Qy", "Qz"]
    lines = ["\t".join(header)]
    for i in range(len(next(iter(tables.values())))):
        time = start_s + i / rate_hz
        cells = [f"{time:.4f}", str(i + 2), str(round(time * 22050))]
        for k, xyz in tables.items():
            tracked = np.isfinite(xyz[i]).all()
            numbers = [f"{v:.6f}" for v in (*xyz[i], 1, 0, 0, 0)] if tracked else [""] * 7
            cells += [str(k - 1), "63" if tracked else "119", *numbers]
        lines.append("\t".join(cells))
    return ("\r\n".join(lines) + "\r\n").encode()


def ndi_ports(ports: Mapping[str, ArrayLike], rate_hz: float = 200.0) -> bytes:
    """Return an NDI ``.tsv`` with ten columns for every port; NaN is a state other than OK."""
    tables = {name: np.asarray(xyz, dtype=np.float64) for name, xyz in ports.items()}
    header = ["Wav Time"]
    for name in tables:
        header += [name, "Frame", "State", "Q0", "Qx", "Qy", "Qz", "Tx", "Ty", "Tz"]
    lines = ["\t".join(header)]
    for i in range(len(next(iter(tables.values())))):
        cells = [f"{i / rate_hz:.6f}"]
        for name, xyz in tables.items():
            tracked = np.isfinite(xyz[i]).all()
            place = [f"{v:.6f}" for v in xyz[i]] if tracked else ["-3.697314E28"] * 3
            cells += [name, str(i), "OK" if tracked else "Tool Missing", "1", "0", "0", "0", *place]
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode()


def ssff(
    columns: Mapping[str, ArrayLike],
    rate_hz: float = 200.0,
    *,
    start_s: float = 0.0,
    kind: str = "FLOAT",
    big_endian: bool = False,
) -> bytes:
    """Return an EMU track of columns (samples,)."""
    code = {"FLOAT": "f4", "DOUBLE": "f8", "SHORT": "i2"}[kind]
    header = (
        f"SSFF -- (c) SHLRC\nMachine {'SPARC' if big_endian else 'IBM-PC'}\nRecord_Freq {rate_hz:g}\n"
        f"Start_Time {start_s:g}\n" + "".join(f"Column {name}     {kind} 1\n" for name in columns) + "-" * 17 + "\n"
    )
    table = np.column_stack([np.asarray(column) for column in columns.values()])
    return header.encode() + table.astype((">" if big_endian else "<") + code).tobytes()


def tensor(values: ArrayLike, key: str = "ema_raw") -> bytes:
    """Return a ``.pt`` with a dict of one tensor (samples, columns)."""
    import torch

    stream = io.BytesIO()
    torch.save({key: torch.from_numpy(np.asarray(values, dtype=np.float32))}, stream)
    return stream.getvalue()


def seq(values: ArrayLike) -> bytes:
    """Return a ``.seq`` of values (samples, columns)."""
    rows = np.asarray(values, dtype=np.float64)
    lines = [f"{i} # " + " ".join(f"{value:.6g}" for value in row) + "\n" for i, row in enumerate(rows, start=1)]
    return ("positions\n" + "".join(lines)).encode()


@dataclass(frozen=True)
class Sample:
    """A file and how to read it.

    Attributes
    ----------
    content, suffix
        The bytes, and how the file's name must end.
    reader, arguments
        Name in `articulens.corpora.readers.READERS`, and what it is called with.
    """

    content: bytes
    suffix: str
    reader: str
    arguments: dict[str, Any] = field(default_factory=dict)


def samples(trajectory: Trajectory) -> dict[str, Sample]:
    """Write the same trajectory in every format.

    Parameters
    ----------
    trajectory
        With x, y and z of every sensor, at 250 Hz where the Carstens AG501 formats are to be right.

    Returns
    -------
    dict
        `Sample` by format. Formats of two dimensions lose y.
    """
    sensors = list(dict.fromkeys(name.split(".")[0] for name in trajectory.channels))
    xyz = {s: trajectory.select([f"{s}.{axis}" for axis in "xyz"]).positions for s in sensors}
    rate = trajectory.rate_hz
    sockets = {sensor: 3 + i for i, sensor in enumerate(sensors)}
    frames = carstens_frames({sockets[s]: xyz[s] for s in sensors})
    own = {"channels": sockets, "axes": XYZ}
    flat = np.concatenate(list(xyz.values()), axis=1)
    names = [f"{s}_{axis}" for s in sensors for axis in "xyz"]
    same: dict[str, Any] = {"axes": {axis: axis for axis in "xyz"}, "channels": {s: s for s in sensors}}
    pellets = dict(zip(sensors, PELLETS, strict=False))
    flat_axes = {"x": "+X", "z": "+Y"}
    places = {s: 3 * i for i, s in enumerate(sensors)}
    make: dict[str, Callable[[], Sample]] = {
        "AG501 binary": lambda: Sample(
            carstens_binary(frames, round(rate)), ".pos", "carstens-binary", {**own, "rate_hz": rate}
        ),
        "AG501 text": lambda: Sample(carstens_ascii(frames), ".txt", "carstens-ascii", {**own, "rate_hz": rate}),
        "AG500 binary": lambda: Sample(
            carstens_ag500(frames[:, :12]), ".pos", "carstens-binary", {**own, "rate_hz": rate}
        ),
        "EST binary": lambda: Sample(est_track(flat, names, rate), ".ema", "est-track", {**same, "rate_hz": rate}),
        "EST text": lambda: Sample(
            est_track(flat, names, rate, binary=False), ".ema", "est-track", {**same, "rate_hz": rate}
        ),
        "MVIEW": lambda: Sample(
            mview({s: (rate, xyz[s]) for s in sensors}), ".mat", "mview", {"axes": XYZ, "rate_hz": rate}
        ),
        "XRMB": lambda: Sample(
            xrmb({pellets[s]: xyz[s][:, [0, 2]] for s in sensors}, rate),
            ".txy",
            "xrmb",
            {"channels": pellets, "axes": flat_axes, "rate_hz": rate},
        ),
        "NDI sensors": lambda: Sample(
            ndi_sensors({sockets[s]: xyz[s] for s in sensors}, rate), ".tsv", "ndi-wave", {**own, "rate_hz": rate}
        ),
        "NDI ports": lambda: Sample(
            ndi_ports(xyz, rate), ".tsv", "ndi-wave", {"channels": same["channels"], "axes": XYZ, "rate_hz": rate}
        ),
        "SSFF": lambda: Sample(
            ssff(dict(zip(names, flat.T, strict=True)), rate), ".ssff", "ssff", {**same, "rate_hz": rate}
        ),
        "seq": lambda: Sample(
            seq(flat / 10),
            ".seq",
            "seq",
            {"channels": places, "axes": {"x": "0", "y": "1", "z": "2"}, "rate_hz": rate, "unit_mm": 10.0},
        ),
        "tensor": lambda: Sample(
            tensor(flat),
            ".pt",
            "tensor",
            {"channels": places, "axes": {"x": "0", "y": "1", "z": "2"}, "rate_hz": rate, "key": "ema_raw"},
        ),
        "CSV": lambda: Sample(_csv(trajectory), ".csv", "tabular", {"rate_hz": rate}),
    }
    return {name: build() for name, build in make.items()}


def _csv(trajectory: Trajectory) -> bytes:
    rows = zip(trajectory.times_s, trajectory.positions, strict=True)
    lines = [f"{t:.9g}," + ",".join("" if np.isnan(v) else f"{v:.9g}" for v in row) + "\n" for t, row in rows]
    return (",".join(["time_s", *trajectory.channels]) + "\n" + "".join(lines)).encode()


def riff(samples: ArrayLike, rate_hz: int, *, bytes_a_second: int | None = None, too_long: int = 0) -> bytes:
    """Return a 16-bit WAV, whole or with faults seen in the wild: a wrong byte rate, a data chunk too long."""
    data = (np.clip(np.asarray(samples), -1, 1) * 32767).astype("<i2").tobytes()
    rate = 2 * rate_hz if bytes_a_second is None else bytes_a_second
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate, 2, 16)
    body = chunk + struct.pack("<4sI", b"data", len(data) + too_long) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def sphere(samples: ArrayLike, rate_hz: int) -> bytes:
    """Return a NIST SPHERE file, 16-bit, one channel."""
    data = (np.clip(np.asarray(samples), -1, 1) * 32767).astype("<i2").tobytes()
    header = (
        f"NIST_1A\n   1024\nsample_count -i {len(data) // 2}\nsample_n_bytes -i 2\nchannel_count -i 1\n"
        f"sample_byte_format -s2 01\nsample_rate -i {rate_hz}\nsample_coding -s3 pcm\nend_head\n"
    )
    return header.encode().ljust(1024, b" ") + data
