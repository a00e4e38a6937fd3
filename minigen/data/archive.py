"""Members of .tar.gz archives, read in memory.

Idea: nothing is unpacked, so that no member can land outside a folder, and no disk fills. What
would be dangerous to unpack (an absolute path, "..", a link, a device) is refused all the same: who
made such an archive did not make the data set that it claims to be.
Read next: cifar.py, which reads its data sets this way; arrays.py (.npz, a zip archive).
"""

import gzip
import tarfile
from functools import partial
from pathlib import PurePosixPath

from minigen.data.source import DataError, naming

LIMIT = 1 << 30         # bytes of all members together: a few MB can unpack to more than a disk
PIECE = 1 << 20         # bytes read at once: a header may announce a name of any length


def tar_members(path, wanted):
    """What the members of a .tar.gz hold, by file name.   -> {name: bytes}

    wanted: {file name: the most bytes it may have}; others are passed over, folders' names ignored.
    Raises DataError, naming the file, for a broken archive, a member whose path points outside, one
    that is no file, two of one name, and for more bytes than announced or allowed.
    """
    found = {}
    with naming(path), _Stream(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            check_inside(member.name, path)
            if member.isdir():
                continue
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise DataError(f"{path}: member {member.name!r} is a link or a device; not read")
            name = PurePosixPath(member.name).name
            most = wanted.get(name, LIMIT)
            if not 0 <= member.size <= most:
                raise DataError(
                    f"{path}: member {member.name!r} has {member.size} bytes; it may have {most}"
                )
            if name in found:
                raise DataError(f"{path}: two members are called {name}")
            if name in wanted:
                content = archive.extractfile(member)
                found[name] = b"".join(iter(partial(content.read, PIECE), b""))
        while stream.read(PIECE):    # to the end: there the checksum is compared
            pass
    return found


def check_inside(name, where):
    """Raise DataError if a member's name is absolute or climbs out of the archive's folder."""
    name = name.replace("\\", "/")
    if name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/"):
        raise DataError(f"{where}: member {name!r} points outside the archive; not read")


class _Stream(gzip.GzipFile):
    """A gzipped file that is read in pieces, to a limit; tarfile asks for headers in one."""

    def read(self, size=-1):
        if not 0 <= size <= PIECE or self.tell() > LIMIT:
            raise DataError(f"{self.name}: unpacks to over {LIMIT >> 20} MiB, or a header to 1 MiB")
        return super().read(size)
