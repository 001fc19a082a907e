/** Colors: "#rrggbb" for people, a word of 32 bits for pixels. */

/**
 * Returns a color as the pixels of a canvas hold it, little-endian RGBA.
 * @param {string} color "#rrggbb"
 */
export function wordOf(color) {
  const number = parseInt(color.slice(1), 16);
  return (0xff000000 | ((number & 0xff) << 16) | (number & 0xff00) | (number >> 16)) >>> 0;
}

/**
 * Returns a color for people.
 * @param {number} word
 */
export function colorOf(word) {
  return `#${[0, 8, 16].map((shift) => ((word >> shift) & 0xff).toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Mixes two colors.
 * @param {number} below a word
 * @param {number} above a word
 * @param {number} share of the color above, in [0, 1]
 */
export function mix(below, above, share) {
  if (share >= 1) return above;
  let word = 0xff000000;
  for (const shift of [0, 8, 16]) {
    const [from, to] = [(below >> shift) & 0xff, (above >> shift) & 0xff];
    word |= Math.round(from + share * (to - from)) << shift;
  }
  return word >>> 0;
}

/**
 * Returns how far two colors lie apart in the channel where they differ most.
 * @param {number} one a word
 * @param {number} other a word
 */
export function distance(one, other) {
  return Math.max(...[0, 8, 16].map((shift) => Math.abs(((one >> shift) & 0xff) - ((other >> shift) & 0xff))));
}
