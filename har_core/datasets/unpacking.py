"""Unpacks one member of a zip without ever holding more than it claims: a few bytes may unpack to gigabytes.

:mod:`zipfile` reads in bites, and unpacks a bite of bzip2 or LZMA whole.
"""

from __future__ import annotations

import bz2
import copy
import lzma
import zipfile
import zlib
from collections.abc import Callable

_HEADER_OF_LZMA = 4
_PROPERTIES_OF_LZMA = 5
_LEAST_DICTIONARY = 4_096
_RAW_DEFLATE = -15
_PACKED_BEYOND = 65_536
"""Nothing packs a member to so many bytes more than it has."""


class UnpackingError(Exception):
    """What is wrong with a member."""


def unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The unpacked bytes of ``member``, held against their size and checksum.

    Raises:
        UnpackingError: the member is damaged, is not what it claims, or is compressed in a way that is not known here.
        zipfile.BadZipFile, RuntimeError: as :meth:`zipfile.ZipFile.open` raises them.
    """
    if member.compress_type not in _UNPACK:
        name = zipfile.compressor_names.get(member.compress_type, "unknown")  # type: ignore[attr-defined]
        raise UnpackingError(f"compression method {member.compress_type} ({name})")
    if member.compress_size > member.file_size + _PACKED_BEYOND:
        raise UnpackingError(f"{member.compress_size} bytes that claim to unpack to {member.file_size}")
    packed = _packed(archive, member)
    try:
        content = _UNPACK[member.compress_type](packed, member.file_size + 1)
    except (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as error:  # the last two of bzip2
        raise UnpackingError(str(error)) from error
    if len(content) != member.file_size:
        more = "more" if len(content) > member.file_size else f"{len(content)}"
        raise UnpackingError(f"unpacks to {more}, not to the {member.file_size} bytes that it claims")
    if zlib.crc32(content) != member.CRC:
        raise UnpackingError("another CRC-32 than the archive says")
    return content


def _packed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member as they lie in the archive: opened as if it was only stored."""
    as_stored = copy.copy(member)
    as_stored.compress_type, as_stored.file_size = zipfile.ZIP_STORED, member.compress_size
    del as_stored.CRC  # that of the unpacked bytes
    with archive.open(as_stored) as file:
        return file.read()


def _inflate(packed: bytes, most_bytes: int) -> bytes:
    return zlib.decompressobj(_RAW_DEFLATE).decompress(packed, most_bytes)


def _unpack_bzip2(packed: bytes, most_bytes: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(packed, most_bytes)


def _unpack_lzma(packed: bytes, most_bytes: int) -> bytes:
    """After a header of four bytes, which ends in the length of the properties, APPNOTE 5.8.8 of the zip format."""
    properties = packed[_HEADER_OF_LZMA:][:_PROPERTIES_OF_LZMA]
    if packed[2:_HEADER_OF_LZMA] != bytes([_PROPERTIES_OF_LZMA, 0]) or len(properties) < _PROPERTIES_OF_LZMA:
        raise UnpackingError("no properties of LZMA")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    # The dictionary is reserved at once, and nothing looks back further than there are bytes.
    dict_size = min(int.from_bytes(properties[1:], "little"), max(most_bytes, _LEAST_DICTIONARY))
    filters = [{"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dict_size}]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(
        packed[_HEADER_OF_LZMA + _PROPERTIES_OF_LZMA :], most_bytes
    )


_UNPACK: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_STORED: lambda packed, most_bytes: packed[:most_bytes],
    zipfile.ZIP_DEFLATED: _inflate,
    zipfile.ZIP_BZIP2: _unpack_bzip2,
    zipfile.ZIP_LZMA: _unpack_lzma,
}
