"""Broken files: small real ones, changed by chance, read as a monitor would read them.

    python -m security.mutate SEED FIRST LAST FOLDER

reads the files of those numbers and prints those that something else came of than rows or one of
our errors. Run as a process, so that a crash of a library is seen as one.
"""

from __future__ import annotations

import io
import json
import random
import sys
import traceback
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from monitor.core.errors import DriftloopError
from monitor.sources.files import Files

KINDS = ("parquet", "csv", "jsonl", "arrow")


def base(kind: str) -> bytes:
    """A small file of that kind, with numbers, texts, times, lists and nulls."""
    rows = 40
    table = pa.table(
        {
            "id": list(range(rows)),
            "x": [n / 3 if n % 7 else None for n in range(rows)],
            "name": [f"käse {n % 5}" for n in range(rows)],
            "ts": pa.array([n * 3_600_000_000 for n in range(rows)], pa.timestamp("us", tz="UTC")),
            "v": [[float(n), 1.0] for n in range(rows)],
        }
    )
    out = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, out, row_group_size=16, compression="zstd")
    elif kind == "arrow":
        feather.write_feather(table, out)
    else:
        lines = table.drop_columns("v" if kind == "csv" else []).to_pylist()
        if kind == "csv":
            head = ",".join(lines[0])
            body = [",".join("" if v is None else str(v) for v in row.values()) for row in lines]
            out.write("\n".join([head, *body]).encode())
        else:
            out.write("\n".join(json.dumps(row, default=str) for row in lines).encode())
    return out.getvalue()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The file with one to eight changes: bits, bytes, runs cut out, doubled or moved, an end."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        if not data:
            break
        at, length = rng.randrange(len(data)), rng.randint(1, 32)
        change = rng.randrange(7)
        if change == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at : at + length] = rng.randbytes(length)
        elif change == 2:
            del data[at : at + length]
        elif change == 3:
            data[at:at] = data[at : at + length] * rng.randint(1, 3)
        elif change == 4:
            del data[at:]
        elif change == 5:
            data[at:at] = rng.choice(_TOKENS)
        else:
            data[at : at + 4] = rng.choice((b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff"))
    return bytes(data)


_TOKENS = (
    b"PAR1", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b"\n", b"\r\n", b",,,,", b"{", b"[" * 600,
    b"\\u0000", b"NaN", b"1e999", b"-9223372036854775809", b"null", b'{"a":' * 200, b"ARROW1", b"\x1f\x8b",
)  # fmt: skip


def wrong(path: Path) -> str:
    """What came of reading it, where that was neither rows nor one of our errors; else ""."""
    try:
        source = Files(Files.Options(path=str(path)), path.parent)
        reading = source.open(None, timestamp=None, columns=None)
        for batch in reading.batches:
            batch.validate()
        source.sample(10, window=None, timestamp=None)
    except DriftloopError as error:
        return "" if str(error) else "an error without a word"
    except Exception:  # noqa: BLE001 - which is what is looked for
        return traceback.format_exc()
    return ""


def main(seed: int, first: int, last: int, folder: Path) -> int:
    """How many files were wrong; each is printed, and left in the folder."""
    bases = {kind: base(kind) for kind in KINDS}
    found = 0
    for number in range(first, last):
        kind = KINDS[number % len(KINDS)]
        path = folder / f"{seed}-{number}.{kind}"
        path.write_bytes(mutated(bases[kind], random.Random(f"{seed}-{number}")))
        said = wrong(path)
        if said:
            found += 1
            print(json.dumps({"file": path.name, "said": said}), flush=True)
        else:
            path.unlink()
    return found


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:4]), Path(sys.argv[4])) else 0)
