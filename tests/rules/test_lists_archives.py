"""An archive is unpacked into its folder, or refused as a whole."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.lists import archives
from rules.lists.archives import unpack
from rules.lists.entries import ListError

LIST = b"larch.example\noak.example\n"


def plain(name: str, data: bytes = LIST) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[bytes], Path]:
    def unpacked(data: bytes) -> Path:
        path = tmp_path / "fetched"
        path.write_bytes(data)
        return unpack(path, "list", tmp_path / "deep" / "into")

    return unpacked


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_becomes_a_folder(unpacked: Callable[[bytes], Path], mode: str) -> None:
    long = "a" * 120 + "/domains"
    folder = unpacked(
        tar(special("social", tarfile.DIRTYPE), plain("social/domains"), plain(long), mode=mode)
    )
    assert (folder / "social" / "domains").read_bytes() == LIST
    assert (folder / long).read_bytes() == LIST


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_list_becomes_a_file(
    unpacked: Callable[[bytes], Path], compress: Callable[[bytes], bytes]
) -> None:
    data = LIST * 100
    assert unpacked(compress(data)).read_bytes() == data


def test_a_plain_list_stays_where_it_is(unpacked: Callable[[bytes], Path], tmp_path: Path) -> None:
    assert unpacked(LIST) == tmp_path / "fetched"


def sparse() -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo("social/domains")
    info.type = tarfile.GNUTYPE_SPARSE
    return info, b""


def header_of(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


LEADS_OUT = "leads out of its own folder"
NO_PLAIN_FILE = "is a link or a device, not a plain file"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tar(plain("../../etc/hosts")), LEADS_OUT),
        (tar(plain("a/../../b")), LEADS_OUT),
        (tar(plain("/etc/hosts")), LEADS_OUT),
        (tar(plain("..\\hosts")), LEADS_OUT),
        (tar(plain("good"), special("../x", tarfile.DIRTYPE)), LEADS_OUT),
        (tar(special("a", tarfile.SYMTYPE, "/etc"), plain("a/hosts")), NO_PLAIN_FILE),
        (tar(special("a", tarfile.LNKTYPE, "/etc/hosts")), NO_PLAIN_FILE),
        (tar(special("a", tarfile.CHRTYPE)), NO_PLAIN_FILE),
        (tar(special("a", tarfile.FIFOTYPE)), NO_PLAIN_FILE),
        (tar(sparse()), NO_PLAIN_FILE),
        (tar(plain("a/b"), plain("a")), "is not the name of a file"),
        (tar(plain("a"), plain("a/b")), "cannot be unpacked: "),
        (tar(plain(".")), "is not the name of a file"),
        (tar(plain("a" * 300)), "cannot be unpacked: File name too long."),
        (header_of(tarfile.XHDTYPE, 2**32), "damaged or cut short"),
        (header_of(tarfile.GNUTYPE_LONGNAME, 2**32), "damaged or cut short"),
        (header_of(tarfile.REGTYPE, -1), "damaged or cut short"),
        (tar(plain("a", b"x" * 5000))[:3000], "damaged or cut short"),
        (gzip.compress(tar(plain("a", bytes(range(256)) * 99)))[:300], "damaged or cut short"),
        (b"\x1f\x8b\x08\x00 not a gzip file", "damaged or cut short"),
        (b"BZh9 not a bzip2 file", "list cannot be unpacked: Invalid data stream."),
        (b"\xfd7zXZ\x00 not an xz file", "damaged or cut short"),
        (b"PK\x03\x04....", "list is a ZIP archive; unpack it and name the folder"),
        (b"7z\xbc\xaf\x27\x1c", "list is a 7-Zip archive; unpack it and name the folder"),
    ],
)
def test_an_archive_that_does_harm_is_refused(
    unpacked: Callable[[bytes], Path], tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(ListError) as caught:
        unpacked(data)
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0
    outside = {path for path in tmp_path.rglob("*") if not path.is_dir()}
    assert all(
        path.is_relative_to(tmp_path / "deep" / "into") for path in outside - {tmp_path / "fetched"}
    )


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(10_000_000)),
        gzip.compress(gzip.compress(b"") + b"x" * 2_000_000),
        tar(plain("a", bytes(3_000_000)), mode="w:xz"),
        tar(*(plain(f"a{n}", bytes(300_000)) for n in range(4)), mode="w:gz"),
    ],
)
def test_an_archive_that_unpacks_for_ever_is_refused(
    unpacked: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch, data: bytes, tmp_path: Path
) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000_000)
    with pytest.raises(ListError) as caught:
        unpacked(data)
    assert str(caught.value) == "list unpacks to more than 1 MB, and no list is that large."
    written = sum(path.stat().st_size for path in (tmp_path / "deep").rglob("*") if path.is_file())
    assert written <= 1_000_000


def test_an_archive_of_very_many_files_is_refused(
    unpacked: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 10)
    with pytest.raises(ListError, match=r"^list has more than 10 files in it\.$"):
        unpacked(tar(*(plain(f"f{n}", b"") for n in range(11))))
