"""Image files to read: noise, by Pillow or byte by byte."""

import io
import struct
import zlib

import numpy as np
import tensorflow as tf

RNG = np.random.default_rng(0)


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def file_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_by_hand(pixels, depth, color, **more):
    """A PNG after the specification, without filters; pixels are (H, W, C), packed where depth is under 8.

    More chunks stand before the pixels.
    """
    height, width, _ = pixels.shape
    if depth < 8:
        bits = np.unpackbits(pixels.astype(np.uint8), axis=-1)[..., -depth:]
        rows = np.packbits(bits.reshape(height, -1), axis=-1)
    else:
        rows = pixels.astype(f">u{depth // 8}").reshape(height, -1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0),
        **{name.encode(): content for name, content in more.items()},
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
        b"IEND": b"",
    }
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def pixels_of(png):
    """Shape and levels of a PNG of 8 or 16 bits: two programs compress the same pixels in different ways."""
    levels = tf.io.decode_png(png, dtype=tf.uint16).numpy()
    return levels.shape, levels.tobytes()


def both_ways(function, *inputs):
    """The result, once eager and tf.data, where heights and widths are not known, agree to the last bit."""
    inputs = tuple(tf.convert_to_tensor(x) for x in inputs)
    specs = tuple(tf.TensorSpec([None] * (x.ndim - 1) + list(x.shape[-1:]), x.dtype) for x in inputs)
    eager = function(*inputs)
    mapped = tf.data.Dataset.from_generator(lambda: [inputs], output_signature=specs).map(function)
    tf.nest.map_structure(np.testing.assert_array_equal, eager, mapped.get_single_element())
    return tf.nest.map_structure(lambda x: x.numpy(), eager)
