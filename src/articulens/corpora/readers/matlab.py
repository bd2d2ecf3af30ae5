"""MATLAB level 5 files, as far as articulography uses them: numbers, text, cells and structs.

SciPy reads these files too, but trusts every tag: a damaged file can make it ask for gigabytes or fall over. Here
every length is compared with what there is before anything is made of it, and nothing is ever executed.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from articulens.corpora.limits import MAX_BYTES, read_bytes
from articulens.errors import ArticulensError

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_ARRAYS = range(6, 16)  # double to uint64
_SIZES = dict(zip(_ARRAYS, (8, 4, 1, 1, 2, 2, 4, 4, 8, 8), strict=True))  # bytes of one number of each class
_KINDS = dict(zip(_ARRAYS, "ffiuiuiuiu", strict=True))
_DEEPEST = 8


class _Damaged(ValueError):
    """The file is not what it says."""


def read_variables(path: Path) -> dict[str, Any]:
    """Return the variables of a ``.mat`` file.

    Returns
    -------
    dict
        Numbers as arrays in MATLAB's shape, text as str, cells as lists, structs as lists of dicts.

    Raises
    ------
    ArticulensError
        When the file is absent, damaged, not of level 5, or holds something else (objects, sparse or complex arrays).
    """
    content = read_bytes(path)
    try:
        return _variables(content)
    except (_Damaged, ValueError, struct.error, zlib.error, OverflowError, MemoryError, LookupError) as error:
        newer = " (it is of version 7.3: save it again with -v7)" if content[:10] == b"MATLAB 7.3" else ""
        raise ArticulensError(
            f"{path}: cannot be read as a MATLAB file of level 5 ({error}){newer}; copy or export it again."
        ) from error


def _variables(content: bytes) -> dict[str, Any]:
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or len(content) < 136 or not content.startswith(b"MATLAB 5.0"):
        raise _Damaged("its header is another one")
    if struct.unpack_from(order + "H", content, 124)[0] != 0x0100:
        raise _Damaged("its version is another one")
    variables: dict[str, Any] = {}
    data, place = memoryview(content), 128
    while place < len(data):
        kind, body, place = _element(data, place, order, aligned=False)
        if kind == _COMPRESSED:
            stream = zlib.decompressobj()
            plain = memoryview(stream.decompress(body, MAX_BYTES))
            if not stream.eof or stream.unused_data:
                raise _Damaged("a compressed variable is cut short or too large")
            kind, body, end = _element(plain, 0, order, aligned=False)
            if end < len(plain):
                raise _Damaged("something follows a compressed variable")
        if kind != _MATRIX:
            raise _Damaged(f"a variable is of kind {kind}")
        name, value = _matrix(body, order, 0)
        if name in variables:
            raise _Damaged(f"the variable {name} is there twice")
        variables[name] = value
    return variables


def _element(data: memoryview, place: int, order: str, *, aligned: bool = True) -> tuple[int, memoryview, int]:
    """Return kind and body of the element at a place, and where the next one begins."""
    if place + 8 > len(data):
        raise _Damaged("an element has no tag")
    kind, size = struct.unpack_from(order + "II", data, place)
    if kind >> 16:  # up to four bytes are packed into the tag itself
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise _Damaged("a small element is too large")
        return kind, data[place + 4 : place + 4 + size], place + 8
    start, end = place + 8, place + 8 + size
    if end > len(data):
        raise _Damaged(f"an element of {size} bytes does not fit")
    return kind, data[start:end], min(end + (-size % 8 if aligned else 0), len(data))


def _matrix(data: memoryview, order: str, depth: int) -> tuple[str, Any]:
    """Return name and value of an array."""
    if depth > _DEEPEST:
        raise _Damaged("structs are nested too deeply")
    if not len(data):
        return "", np.zeros((0, 0))
    flags, place = _numbers(data, 0, order, (6,))
    shape, place = _numbers(data, place, order, (5,))
    name, place = _name(data, place, order)
    if len(flags) != 2 or not 2 <= len(shape) <= 4 or (shape < 0).any():
        raise _Damaged("an array has no proper shape")
    if int(flags[0]) & 0x0800:
        raise _Damaged("a complex array")
    dims = tuple(int(n) for n in shape)
    count = int(np.prod([float(n) for n in dims]))
    if count > len(data):
        raise _Damaged(f"an array of shape {dims} does not fit")
    family = int(flags[0]) & 0xFF
    if family in _ARRAYS:
        kind, body, place = _element(data, place, order)
        if kind not in _NUMBERS:
            raise _Damaged(f"numbers of kind {kind}")
        values = np.frombuffer(body, dtype=order + _NUMBERS[kind])
        # Whole numbers may be stored in fewer bytes than their class has, never in as many of another type.
        size = _SIZES[family]
        if values.itemsize > size or (values.dtype.kind != _KINDS[family] and values.itemsize == size):
            raise _Damaged(f"an array of class {family} stored as numbers of kind {kind}")
        if len(values) != count or place < len(data):
            raise _Damaged(f"{len(values)} numbers in an array of shape {dims}")
        return name, values.reshape(dims, order="F")
    if family == _CHAR:
        kind, body, _ = _element(data, place, order)
        endian = {"<": "-le", ">": "-be"}[order] if kind in (4, 17, 18) else ""
        return name, bytes(body).decode(_TEXT[kind] + endian)
    if family == _CELL:
        items = []
        for _ in range(count):
            value, place = _item(data, place, order, depth)
            items.append(value)
        return name, items
    if family == _STRUCT:
        return name, _structs(data, place, order, count, depth)
    raise _Damaged(f"an array of class {family}")


def _structs(data: memoryview, place: int, order: str, count: int, depth: int) -> list[dict[str, Any]]:
    lengths, place = _numbers(data, place, order, (5,))
    kind, body, place = _element(data, place, order)
    length = int(lengths[0]) if len(lengths) == 1 else 0
    if kind not in (1, 2) or not 0 < length <= 64 or len(body) % length:
        raise _Damaged("a struct without proper names of fields")
    names = [bytes(body[i : i + length]).split(b"\0")[0].decode("ascii") for i in range(0, len(body), length)]
    if len(set(names)) < len(names):
        raise _Damaged("a field is there twice")
    items: list[dict[str, Any]] = []
    for _ in range(count):
        item = {}
        for name in names:
            item[name], place = _item(data, place, order, depth)
        items.append(item)
    if place < len(data):
        raise _Damaged("something follows a struct")
    return items


def _item(data: memoryview, place: int, order: str, depth: int) -> tuple[Any, int]:
    kind, body, place = _element(data, place, order)
    if kind != _MATRIX:
        raise _Damaged(f"a field of kind {kind}")
    return _matrix(body, order, depth + 1)[1], place


def _numbers(data: memoryview, place: int, order: str, kinds: tuple[int, ...]) -> tuple[np.ndarray, int]:
    kind, body, place = _element(data, place, order)
    if kind not in kinds:
        raise _Damaged(f"a field of kind {kind}")
    return np.frombuffer(body, dtype=order + _NUMBERS[kind]), place


def _name(data: memoryview, place: int, order: str) -> tuple[str, int]:
    kind, body, place = _element(data, place, order)
    if kind not in (1, 2):
        raise _Damaged(f"a name of kind {kind}")
    return bytes(body).decode("ascii"), place
