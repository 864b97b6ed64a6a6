"""Archives that have the same bytes whenever they are made of the same files."""

import gzip
import hashlib
import io
import json
import tarfile


def digest(data):
    """The SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    """JSON whose bytes depend on nothing but the value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def tar(entries, epoch=0):
    """A tar of {path: (bytes, mode)}; a path that ends with a slash is a folder, and a text in place of bytes a link to there.

    Neither the order of the entries nor owner, group and time of a file on this machine have a part in it.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(entries):
            data, mode = entries[path]
            entry = tarfile.TarInfo(path.rstrip("/"))
            entry.mode, entry.mtime = mode, epoch
            entry.uname = entry.gname = "root"
            if path.endswith("/"):
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(data, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, data
                archive.addfile(entry)
            else:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def compressed(data):
    """gzip without a name and a time in its header."""
    return gzip.compress(data, 9, mtime=0)
