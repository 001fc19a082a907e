/**
 * A drawing in the fragment of a link: "#NAME/CONTENT". The content is deflated and in base64url:
 * version, base, height and width (2 bytes each), the base's checksum (4), the number of colors, the colors
 * (3 each), then for each pixel 0 where it is the base's or the place of its color, from 1. With 0 colors: red,
 * green and blue of each pixel less those of the base.
 */

export const MAX_LENGTH = 16_000; // characters that messengers and mail still pass on
const VERSION = 1;
const HEADER = 11;

/** @typedef {{name: string, content: string}} Link */
/** @typedef {(base: number) => Promise<Uint32Array>} Base  Gives the pixels of a source, or of an empty drawing. */

/**
 * Packs a drawing.
 * @param {import("./drawing.js").Drawing} drawing
 * @param {string} name of the model
 * @param {Base} baseOf
 * @returns {Promise<string>} the fragment
 */
export async function pack(drawing, name, baseOf) {
  const { words, image, base } = drawing;
  const below = await baseOf(base);
  const changed = words.filter((word, index) => word !== below[index]);
  const colors = [...new Set(changed)];
  const isCounted = colors.length > 0 && colors.length < 256;
  const table = isCounted ? colors : [];
  const bytes = new Uint8Array(HEADER + 3 * table.length + words.length * (isCounted ? 1 : 3));
  const view = new DataView(bytes.buffer);
  bytes.set([VERSION, base]);
  view.setUint16(2, image.height);
  view.setUint16(4, image.width);
  view.setUint32(6, checksum(below));
  view.setUint8(10, table.length);
  bytes.set(table.flatMap(channels), HEADER);
  const places = new Map(colors.map((word, at) => [word, at + 1]));
  let at = HEADER + 3 * table.length;
  words.forEach((word, index) => {
    const isSame = word === below[index];
    if (isCounted) bytes[at++] = isSame ? 0 : /** @type {number} */ (places.get(word));
    else for (const shift of [0, 8, 16]) bytes[at++] = (word >> shift) - (below[index] >> shift);
  });
  const fragment = `#${encodeURIComponent(name)}/${toText(await deflated(bytes))}`;
  if (fragment.length > MAX_LENGTH) {
    throw new Error(
      `This drawing has too much detail for a link: ${fragment.length.toLocaleString("en")} characters, ` +
        `of ${MAX_LENGTH.toLocaleString("en")} that a link may have. Save the drawing as PNG and send that.`,
    );
  }
  return fragment;
}

/**
 * Splits a fragment, or returns null if there is none.
 * @param {string} fragment of the address, with "#"
 * @returns {Link | null}
 */
export function split(fragment) {
  if (fragment.length < 2) return null;
  const [name, content] = fragment.slice(1).split("/");
  try {
    return { name: decodeURIComponent(name), content: content ?? "" };
  } catch {
    return { name, content: "" };
  }
}

/**
 * Unpacks a drawing.
 * @param {string} content
 * @param {number} height @param {number} width that the model takes
 * @param {Base} baseOf
 * @returns {Promise<{words: Uint32Array, base: number}>}
 */
export async function unpack(content, height, width, baseOf) {
  const bytes = await inflated(content, HEADER + 3 * 255 + 3 * height * width);
  if (bytes.length < HEADER || bytes[0] !== VERSION) throw broken("it is cut off or changed");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(2) !== height || view.getUint16(4) !== width) {
    throw broken(
      `its drawing has ${view.getUint16(4)}×${view.getUint16(2)} pixels, the model takes ${width}×${height}`,
    );
  }
  const base = bytes[1];
  const below = await baseOf(base);
  if (checksum(below) !== view.getUint32(6)) throw broken("the picture that it was drawn on has changed");
  const count = bytes[10];
  const pixels = bytes.subarray(HEADER + 3 * count);
  const words = Uint32Array.from(below);
  if (pixels.length !== words.length * (count ? 1 : 3)) throw broken("it is cut off or changed");
  for (let index = 0; index < words.length; index++) {
    if (!count) {
      const [red, green, blue] = [0, 8, 16].map(
        (shift, at) => ((below[index] >> shift) + pixels[3 * index + at]) & 0xff,
      );
      words[index] = word(red, green, blue);
    } else if (pixels[index] > count) {
      throw broken("it is cut off or changed");
    } else if (pixels[index]) {
      const at = HEADER + 3 * (pixels[index] - 1);
      words[index] = word(bytes[at], bytes[at + 1], bytes[at + 2]);
    }
  }
  return { words, base };
}

/** @param {string} reason */
const broken = (reason) => new Error(`The link does not hold a drawing for this page: ${reason}. Ask for it again.`);

/** @param {number} value a word */
const channels = (value) => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff];

/** @param {number} red @param {number} green @param {number} blue */
const word = (red, green, blue) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;

/**
 * Returns FNV-1a of pixels, a word at a time.
 * @param {Uint32Array} words
 */
function checksum(words) {
  let hash = 0x811c9dc5;
  for (const value of words) hash = Math.imul(hash ^ value, 0x01000193);
  return hash >>> 0;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Inflates what strangers wrote, and stops where it becomes too long.
 * @param {string} content @param {number} limit in bytes
 */
async function inflated(content, limit) {
  const bytes = new Uint8Array(limit);
  let length = 0;
  try {
    const stream = new Blob([toBytes(content)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const reader = stream.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (length + part.value.length > limit) {
        await reader.cancel();
        return bytes.subarray(0, 0);
      }
      bytes.set(part.value, length);
      length += part.value.length;
    }
  } catch {
    throw broken("it is cut off or changed");
  }
  return bytes.subarray(0, length);
}

/** @param {Uint8Array} bytes */
function toText(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text */
const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
