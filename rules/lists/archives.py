"""Archives, unpacked as by somebody who expects the worst of them.

An archive can name files outside its folder, hold links to them, be a few kilobytes that come to
terabytes, or never end. Nothing of an archive decides where a file goes or how large it may
become: only plain files with plain relative names are written, into an empty folder, until the
bounds are reached. Anything else, and the whole archive is refused.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

from rules.lists.entries import ListError
from rules.lists.texts import MOST_BYTES, size

MOST_FILES = 20_000
_MOST_HEADER = 64 * 1024  # bytes of one extended header, which tarfile holds in memory
_CHUNK = 256 * 1024
_TAR_MAGIC = (257, b"ustar")
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_OTHERS = {
    b"PK\x03\x04": "ZIP",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def unpack(path: Path, name: str, into: Path) -> Path:
    """Give the folder or file that a downloaded or local file stands for.

    A tar archive, compressed or not, is unpacked into the folder `into`; any other compressed file
    is written there; everything else is given back as it is. Raises ListError.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
            for magic, kind in _OTHERS.items():
                if start.startswith(magic):
                    raise ListError(
                        f"{name} is a {kind} archive; unpack it and name the folder, "
                        "or use a .tar.gz."
                    )
            file.seek(0)
            plain = _decompressed(file, start)
            if plain is None and not _is_tar(start):
                return path
            return _unpack(_Bounded(plain or file, name), name, into)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError) as error:
        raise ListError(f"{name} is damaged or cut short; download it again ({error}).") from error
    except OSError as error:
        raise ListError(f"{name} cannot be unpacked: {error.strerror or error}.") from error


def _decompressed(file: BinaryIO, start: bytes) -> BinaryIO | None:
    if start.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if start.startswith(_BZIP2):
        return cast(BinaryIO, bz2.BZ2File(file))
    if start.startswith(_XZ):
        return cast(BinaryIO, lzma.LZMAFile(file))
    return None


def _is_tar(start: bytes) -> bool:
    at, magic = _TAR_MAGIC
    return start[at : at + len(magic)] == magic


class _Bounded(io.RawIOBase):
    """Reads on until the bound, counting what has come out of the compression."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name, self._left = file, name, MOST_BYTES
        self.start = file.read(512)
        self._held = self.start

    def read(self, count: int = -1) -> bytes:
        data, self._held = self._held[:count], self._held[count:]
        if not data:
            data = self._file.read(min(count, _CHUNK))
        self._left -= len(data)
        if self._left < 0:
            raise ListError(
                f"{self._name} unpacks to more than {size(MOST_BYTES)}, and no list is that large."
            )
        return data


class _Header(tarfile.TarInfo):
    """A tar header that may not ask for memory or go backwards before anybody looks at it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        extended = header.type not in (*tarfile.SUPPORTED_TYPES,) or header.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        )
        if header.size < 0 or (extended and header.size > _MOST_HEADER):
            raise tarfile.ReadError("a header with an impossible size")
        return header


def _unpack(file: _Bounded, name: str, into: Path) -> Path:
    into.mkdir(parents=True, exist_ok=True)
    if not _is_tar(file.start):
        target = into / "list"
        with target.open("wb") as out:
            while data := file.read(_CHUNK):
                out.write(data)
        return target
    count = 0
    # As a stream, so that nothing in the archive can send the reader backwards.
    with tarfile.open(fileobj=file, mode="r|", tarinfo=_Header) as archive:
        for member in archive:
            count += 1
            if count > MOST_FILES:
                raise ListError(f"{name} has more than {MOST_FILES:,} files in it.")
            _write(archive, member, name, into)
    return into


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, into: Path) -> None:
    where = PurePosixPath(member.name)
    if where.is_absolute() or ".." in where.parts or "\\" in member.name:
        raise ListError(f"{name} is refused: {member.name!r} in it leads out of its own folder.")
    if member.isdir():
        return
    if not member.isreg() or member.issparse():
        raise ListError(
            f"{name} is refused: {member.name!r} in it is a link or a device, not a plain file."
        )
    content = archive.extractfile(member)
    target = into / where
    if content is None or not where.parts or target.is_dir():
        raise ListError(f"{name} is refused: {member.name!r} in it is not the name of a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as out:
        while data := content.read(_CHUNK):
            out.write(data)
