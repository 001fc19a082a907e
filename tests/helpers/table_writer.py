"""The index of a checkpoint, written by its format: whatever it says, its checksums are right."""

from tests.helpers.checksum import masked_crc

MAGIC = 0xDB4775248B80FB57


def varint(number):
    more = number >> 7
    return bytes([number & 0x7F | (0x80 if more else 0)]) + (varint(more) if more else b"")


def pair(name, value, shared=0):
    return varint(shared) + varint(len(name) - shared) + varint(len(value)) + name[shared:] + value


def block(*pairs, starts=(0,)):
    """Of pairs as they are encoded, and the places that they can be read from."""
    return b"".join([*pairs, *(start.to_bytes(4, "little") for start in starts), len(starts).to_bytes(4, "little")])


def table(*blocks, kind=b"\0", handles=None):
    """Of encoded blocks; `handles` instead of their own offsets and sizes."""
    contents = b""

    def put(block):
        nonlocal contents
        place = varint(len(contents)) + varint(len(block))
        contents += block + kind + masked_crc(block + kind).to_bytes(4, "little")
        return place

    own = [put(block) for block in blocks]
    footer = put(block())
    # Names that end blocks are only to ascend; no name of ours is beyond the last.
    names = [b"~" * (i + 1) for i in range(len(handles or own))]
    footer += put(block(*(pair(*each) for each in zip(names, handles or own, strict=True))))
    return contents + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def index(entries):
    """Of a checkpoint: messages by name, in one block; b"" is the header's name."""
    return table(block(*(pair(name, entries[name].SerializeToString()) for name in sorted(entries))))
