"""Which files a path, folder, glob or URL stands for."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs as pafs

from monitor.core.errors import (
    SourceError,
    SourceInterruptedError,
    SourceNotFoundError,
    UnreadableSourceError,
)

Format = Literal["parquet", "csv", "jsonl", "arrow"]

ENDINGS: dict[str, Format] = {
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}

_STORES = {
    "s3": "S3FileSystem",
    "gs": "GcsFileSystem",
    "gcs": "GcsFileSystem",
    "az": "AzureFileSystem",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
#: What disks of other machines say when those do not answer.
_PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR, errno.ENOLINK}
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Place:
    """One file, and where it lies."""

    name: str  #: for messages: without passwords, relative to nothing
    path: str  #: in the words of `filesystem`
    filesystem: pafs.FileSystem
    size: int | None = None
    modified: int | None = None  #: nanoseconds since 1970
    partitions: tuple[tuple[str, str | None], ...] = ()  #: from folders named key=value

    @property
    def local(self) -> bool:
        """Whether seeking in it is cheap."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    @property
    def compression(self) -> str | None:
        """By the ending of its name."""
        return COMPRESSIONS.get(PurePosixPath(self.path.lower()).suffix)

    @property
    def format(self) -> Format | None:
        """By the ending of its name; None when that says nothing."""
        name = PurePosixPath(urlsplit(self.path).path if "://" in self.path else self.path)
        suffix = name.suffix.lower()
        if suffix in COMPRESSIONS:
            suffix = name.with_suffix("").suffix.lower()
        return ENDINGS.get(suffix)


def redacted(path: str) -> str:
    """A URL without user, password and query; other paths as they are."""
    if not _SCHEME.match(path):
        return path
    parts = urlsplit(path)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def find(
    path: str, base: Path, *, known: Format | None, storage: Mapping[str, Any], hive: bool
) -> tuple[list[Place], list[str]]:
    """The files of one path, in natural order, and names of files in a folder that are no data.

    Raises
    ------
    SourceNotFoundError
        Nothing there.
    UnreadableSourceError
        A folder with files of several formats, or a filesystem that refuses.
    """
    scheme = _SCHEME.match(path)
    if scheme is None or scheme[1] == "file":
        local = unquote(urlsplit(path).path) if scheme else str(Path(path).expanduser())
        return _find_local(base / local, known, hive=hive)
    if scheme[1] in ("http", "https"):
        return [Place(redacted(path), path, _open_filesystem(path, storage)[0])], []
    return _find_remote(path, known, storage, hive=hive)


def _find_local(path: Path, known: Format | None, *, hive: bool) -> tuple[list[Place], list[str]]:
    text = str(path)
    filesystem = pafs.LocalFileSystem()
    if path.is_dir():
        found = [
            os.path.join(folder, name)  # noqa: PTH118 - hundred thousands of names
            for folder, _, names in os.walk(path, followlinks=True)
            for name in names
        ]
        places = [_local_place(name, filesystem, path if hive else None) for name in found]
        return _of_folder(places, text, known)
    if path.exists():
        return [_local_place(text, filesystem, None)], []
    if not _MAGIC.search(text):
        msg = (
            f"There is no file or folder {text}. Correct the path; relative ones start from "
            "the folder of the config (or where the command runs)."
        )
        raise SourceNotFoundError(msg)
    names = [name for name in glob.glob(text, recursive=True) if Path(name).is_file()]  # noqa: PTH207 - recursive, of absolute paths
    if not names:
        msg = f"No file matches {text}. Correct the pattern, or add the files."
        raise SourceNotFoundError(msg)
    root = Path(text[: _MAGIC.search(text).start()]).parent if hive else None  # type: ignore[union-attr]
    return sorted((_local_place(name, filesystem, root) for name in names), key=_natural), []


def _local_place(name: str, filesystem: pafs.FileSystem, root: Path | None) -> Place:
    try:
        status = os.stat(name)  # noqa: PTH116 - hundred thousands of names
        size, modified = status.st_size, status.st_mtime_ns
    except OSError:  # gone since it was listed, or a broken link: the reader says so
        size, modified = None, None
    partitions = () if root is None else _partitions(os.path.relpath(name, root))
    return Place(name, name, filesystem, size, modified, partitions)


def _find_remote(
    path: str, known: Format | None, storage: Mapping[str, Any], *, hive: bool
) -> tuple[list[Place], list[str]]:
    filesystem, inner = _open_filesystem(path, storage)
    scheme = path.partition("://")[0]
    magic = _MAGIC.search(inner)
    root = inner if magic is None else inner[: magic.start()].rpartition("/")[0]
    try:
        info = filesystem.get_file_info(root)
        if info.type == pafs.FileType.File:
            return [_remote_place(info, filesystem, scheme, None)], []
        if info.type == pafs.FileType.NotFound and magic is None:
            msg = f"There is nothing at {redacted(path)}. Correct the path."
            raise SourceNotFoundError(msg)
        selector = pafs.FileSelector(root, recursive=True, allow_not_found=True)
        infos = [i for i in filesystem.get_file_info(selector) if i.type == pafs.FileType.File]
    except OSError as error:
        msg = f"{redacted(path)} cannot be listed: {reason(error)}."
        raise SourceInterruptedError(msg) from None
    start = root if hive else None
    if magic is None:
        places = [_remote_place(info, filesystem, scheme, start) for info in infos]
        return _of_folder(places, redacted(path), known, root)
    pattern = re.compile(_translate(inner))
    chosen = [_remote_place(i, filesystem, scheme, start) for i in infos if pattern.match(i.path)]
    if not chosen:
        msg = f"No file matches {redacted(path)}. Correct the pattern."
        raise SourceNotFoundError(msg)
    return sorted(chosen, key=_natural), []


def _remote_place(
    info: pafs.FileInfo, filesystem: pafs.FileSystem, scheme: str, root: str | None
) -> Place:
    partitions = () if root is None else _partitions(info.path[len(root) :].strip("/"))
    modified = info.mtime_ns
    return Place(f"{scheme}://{info.path}", info.path, filesystem, info.size, modified, partitions)


def _open_filesystem(path: str, storage: Mapping[str, Any]) -> tuple[pafs.FileSystem, str]:
    scheme = path.partition("://")[0].lower()
    try:
        if scheme in _STORES and (storage or scheme == "az"):
            return _store(scheme, storage), path.partition("://")[2]
        if scheme in ("s3", "gs", "gcs", "hdfs", "abfs", "abfss"):
            native, inner = pafs.FileSystem.from_uri(path)
            return native, str(inner)
        import fsspec  # noqa: PLC0415 - only remote sources pay for it

        handler = fsspec.filesystem(scheme, **storage)
        inner = str(handler._strip_protocol(path))  # noqa: SLF001 - fsspec's name for it
        return pafs.PyFileSystem(pafs.FSSpecHandler(handler)), inner
    except (ValueError, ImportError, OSError, TypeError, pa.ArrowException) as error:
        msg = (
            f"{redacted(path)} cannot be opened: {reason(error)}. "
            "Check the scheme, and `storage_options`."
        )
        raise UnreadableSourceError(msg) from None


def _store(scheme: str, storage: Mapping[str, Any]) -> pafs.FileSystem:
    """An object store by the options of its class in pyarrow.fs."""
    if scheme == "az":  # such URLs name the container, and not the account
        account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        storage = {**({"account_name": account} if account else {}), **storage}
        if "account_name" not in storage:
            msg = "az:// needs `account_name` in `storage_options`, or AZURE_STORAGE_ACCOUNT_NAME"
            raise ValueError(msg)
    return getattr(pafs, _STORES[scheme])(**storage)


def _of_folder(
    places: Sequence[Place], folder: str, known: Format | None, root: str | None = None
) -> tuple[list[Place], list[str]]:
    """Data files of a folder: not hidden, all of one format."""
    prefix = folder if root is None else root
    shown = [place for place in places if not _hidden(place.path[len(prefix) :])]
    formats = Counter(place.format for place in shown if place.format is not None)
    if known is None and len(formats) > 1:
        there = ", ".join(f"{count} {name}" for name, count in sorted(formats.items()))
        msg = (
            f"Folder {folder} holds files of several formats ({there}). Name one with "
            '`format = "parquet"` beside the path, or use a glob such as "data/*.parquet".'
        )
        raise UnreadableSourceError(msg)
    wanted = known or next(iter(formats), None)
    chosen = [place for place in shown if place.format == wanted] if wanted else []
    if not chosen and known is not None:
        chosen = [place for place in shown if place.format is None]
    if not chosen:
        msg = f"Folder {folder} holds no Parquet, CSV, JSON-lines or Arrow file. Correct the path."
        raise SourceNotFoundError(msg)
    taken = {place.path for place in chosen}
    return sorted(chosen, key=_natural), sorted(p.name for p in shown if p.path not in taken)


def _hidden(inner: str) -> bool:
    parts = PurePosixPath(inner.replace(os.sep, "/").strip("/")).parts
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def _partitions(inner: str) -> tuple[tuple[str, str | None], ...]:
    folders = PurePosixPath(inner.replace(os.sep, "/")).parts[:-1]
    pairs = [folder.split("=", 1) for folder in folders if "=" in folder.lstrip("=")]
    return tuple(
        (unquote(key), None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value))
        for key, value in pairs
    )


def _natural(place: Place) -> list[Any]:
    """`part-2` before `part-10`."""
    return [
        (1, int(piece), "") if piece.isdigit() else (0, 0, piece)
        for piece in re.split(r"([0-9]+)", place.path)
    ]


def _translate(pattern: str) -> str:
    """A glob over whole paths: `*` stays inside of a folder, `**` does not."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return (
        "".join(
            meaning.get(piece)
            or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
            for piece in pieces
        )
        + r"\Z"
    )


def reason(error: BaseException) -> str:
    """The first line of what a library said, cut."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().splitlines()[0].rstrip(".")[:300]


def unreadable(place: Place, error: BaseException, what: str) -> SourceError:
    """The error of a file that is not what it claims to be, or broke while being read."""
    if isinstance(error, FileNotFoundError) and place.size is None and not place.local:
        return SourceNotFoundError(f"There is nothing at {place.name}. Correct the path.")
    if isinstance(error, FileNotFoundError):
        text = f"{place.name} is gone: it disappeared while it was read. Restore it, and run again."
        return SourceInterruptedError(text)
    if _passing(place, error):
        text = f"{place.name} broke off: {reason(error)}. Run again when its server answers."
        return SourceInterruptedError(text)
    text = (
        f"{place.name} cannot be read as {what}: {reason(error)}. "
        "Write the file again, or take it out."
    )
    return UnreadableSourceError(text)


def _passing(place: Place, error: BaseException) -> bool:
    """Whether trying again may help: what is far away may answer later."""
    if not place.local:
        return isinstance(error, OSError) or not isinstance(error, (pa.ArrowException, ValueError))
    return isinstance(error, OSError) and error.errno in _PASSING
