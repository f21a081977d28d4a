"""Makes a picture of a page far smaller: a PNG of 256 colours for one of 16 million.

A page of text has few colours, and PNG packs one byte a pixel far better than three. Only what
Chromium writes is read: eight bits a channel, red, green and blue, not interlaced (PNG, third
edition, sections 7.3 and 11.2).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import batched

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256

type Colour = tuple[int, ...]


def with_palette(png: bytes) -> bytes:
    """The same picture in at most 256 colours. Raises ValueError for another kind of PNG."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("This is not a PNG.")
    chunks = list(_chunks(png))
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if (depth, kind, interlaced) != (8, 2, 0):
        raise ValueError("This PNG is not of plain red, green and blue.")
    packed = b"".join(data for name, data in chunks if name == b"IDAT")
    rows = [list(batched(row, 3)) for row in _rows(zlib.decompress(packed), width * 3)]
    used = Counter(colour for row in rows for colour in row)
    palette = [colour for colour, _ in used.most_common(_COLOURS)]
    number = {colour: index for index, colour in enumerate(palette)}
    for colour in used:
        if colour not in number:
            number[colour] = number[min(palette, key=lambda known: _distance(known, colour))]
    lines = b"".join(b"\0" + bytes(number[colour] for colour in row) for row in rows)
    return (
        _SIGNATURE
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", bytes(channel for colour in palette for channel in colour))
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += length + 12


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _rows(data: bytes, length: int) -> Iterator[bytearray]:
    """The rows as they were before each was written as what differs from its neighbours."""
    above = bytearray(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        if kind:
            for i in range(length):
                left = row[i - 3] if i >= 3 else 0
                corner = above[i - 3] if i >= 3 else 0
                row[i] = row[i] + _expected(kind, left, above[i], corner) & 255
        yield row
        above = row


def _expected(kind: int, left: int, up: int, corner: int) -> int:
    match kind:
        case 1:
            return left
        case 2:
            return up
        case 3:
            return (left + up) // 2
        case 4:
            estimate = left + up - corner
            return min((left, up, corner), key=lambda value: abs(estimate - value))
    raise ValueError(f"PNG has no row filter {kind}.")


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
