"""Spoils bytes as files are spoiled by accident or by design."""

import struct
import zlib

import numpy as np

# Values for a length, a count or an offset.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**60, 2**63 - 1, 2**63, 2**64 - 1)
# Values for a value in a text.
WORDS = ("-1", "0", "1e999", "NaN", str(10**30), str(2**31), "null", "true", '""', "[]", "{}", "[0, 0]", '"../../x"')
# The bytes at a file's beginning in which headers lie.
HEADER_BYTES = 64


def truncated(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Cuts off the end."""
    return contents[: rng.integers(len(contents))]


def flipped(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Flips one to twenty bits."""
    changed = bytearray(contents)
    for place in rng.integers(len(changed) * 8, size=rng.integers(1, 21)):
        changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)


def inserted(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Inserts random bytes."""
    place = rng.integers(len(contents) + 1)
    return contents[:place] + rng.bytes(int(rng.integers(1, 200))) + contents[place:]


def deleted(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Deletes a run of bytes."""
    start, stop = _run(contents, rng)
    return contents[:start] + contents[stop:]


def duplicated(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Repeats a run of bytes."""
    start, stop = _run(contents, rng)
    return contents[:start] + contents[start:stop] * int(rng.integers(2, 20)) + contents[stop:]


def zeroed(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Sets a run of bytes to zero, as a disk leaves what it had not written yet."""
    start, stop = _run(contents, rng)
    return contents[:start] + bytes(stop - start) + contents[stop:]


def extreme(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Sets a field of the header to an extreme value."""
    width = int(rng.choice([1, 2, 4, 8]))
    place = int(rng.integers(min(len(contents), HEADER_BYTES)))
    value = int(EXTREMES[rng.integers(len(EXTREMES))]) % 256**width
    return contents[:place] + value.to_bytes(width, rng.choice(["big", "little"])) + contents[place + width :]


def spliced(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Joins the first half of one file to the second half of another."""
    return contents[: len(contents) // 2] + other[len(other) // 2 :]


def empty(contents: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Returns no bytes at all."""
    return b""


MUTATIONS = (truncated, flipped, inserted, deleted, duplicated, zeroed, extreme, extreme, spliced)


def mutations(contents: bytes, count: int, rng: np.random.Generator, other: bytes) -> list[bytes]:
    """Returns `count` spoiled copies: one empty, the others by every mutation in turn."""
    made = [MUTATIONS[i % len(MUTATIONS)](contents, rng, other) for i in range(count - 1)]
    return [empty(contents, rng, other), *made]


def reworded(text: str, rng: np.random.Generator) -> str:
    """Changes the value of one line of JSON or flags, or repeats or deletes the line."""
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if ": " in line or "=" in line]
    place = int(rng.choice(places))
    mark = ": " if ": " in lines[place] else "="
    name, _, value = lines[place].partition(mark)
    how = rng.integers(6)
    if how < 4:
        comma = "," if value.endswith(",") else ""
        lines[place] = f"{name}{mark}{WORDS[rng.integers(len(WORDS))]}{comma}"
    elif how == 4:
        lines.insert(place, lines[place])
    else:
        del lines[place]
    return "\n".join(lines) + "\n"


def with_checksums(png: bytes) -> bytes:
    """Sets the checksums of a PNG's chunks right, up to the first damaged length."""
    made, place = png[:8], 8
    while place + 12 <= len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        stop = place + 8 + length
        body = png[place + 4 : stop]
        if stop + 4 > len(png):
            break
        made += png[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place = stop + 4
    return made + png[place:]


def retagged(tiff: bytes, rng: np.random.Generator) -> bytes:
    """Changes type, count or value of one to three tags of a TIFF's first page."""
    changed, order = bytearray(tiff), "<" if tiff.startswith(b"II") else ">"
    is_big = tiff[2:4] in (b"+\0", b"\0+")
    start, form, count_form, entry = (8, "Q", "Q", 20) if is_big else (4, "I", "H", 12)
    (page,) = struct.unpack_from(order + form, tiff, start)
    (count,) = struct.unpack_from(order + count_form, tiff, page)
    for _ in range(rng.integers(1, 4)):
        tag = page + struct.calcsize("=" + count_form) + entry * int(rng.integers(count))
        value = int(EXTREMES[rng.integers(len(EXTREMES))])
        how = rng.integers(4)
        if how == 0:
            struct.pack_into(order + "H", changed, tag + 2, int(rng.integers(20)))
        elif how == 1:
            struct.pack_into(order + "H", changed, tag + 4 + struct.calcsize("=" + form), int(rng.integers(20)))
        else:
            place = tag + 4 + (struct.calcsize("=" + form) if how == 2 else 0)
            struct.pack_into(order + form, changed, place, value % 2 ** (8 * struct.calcsize("=" + form)))
    return bytes(changed)


def _run(contents: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(contents)))
    return start, min(len(contents), start + int(rng.integers(1, 1 + max(1, len(contents) // 4))))
