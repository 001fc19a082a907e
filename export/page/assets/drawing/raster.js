/** Which pixels a shape covers. Coordinates are pixels: the center of the upper left one is (0.5, 0.5). */

/** @typedef {{x: number, y: number}} Point */
/** @typedef {(index: number, coverage: number) => void} Paint  Takes a pixel's index and its coverage in (0, 1]. */

/**
 * Covers what a round pen touches on its way between two points.
 * @param {number} width @param {number} height
 * @param {Point} from @param {Point} to
 * @param {number} radius
 * @param {boolean} isSmooth whether a pixel on the rim is covered in part
 * @param {Paint} paint
 */
export function pen(width, height, from, to, radius, isSmooth, paint) {
  const reach = radius + 1;
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
  const right = Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
  const bottom = Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach));
  const [along, down] = [to.x - from.x, to.y - from.y];
  const squared = along * along + down * down;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [x, y] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const share = squared ? Math.min(1, Math.max(0, (x * along + y * down) / squared)) : 0;
      const distance = Math.hypot(x - share * along, y - share * down);
      // A thousandth of a pixel: sums of floats may lie beside the rim.
      const coverage = isSmooth ? Math.min(1, radius + 0.5 - distance) : Number(distance <= radius + 1e-3);
      if (coverage > 0) paint(row * width + column, coverage);
    }
  }
}

/**
 * Covers a filled rectangle, with the pixels of both corners.
 * @param {number} width @param {number} height
 * @param {Point} from @param {Point} to
 * @param {Paint} paint
 */
export function rectangle(width, height, from, to, paint) {
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x)));
  const right = Math.min(width - 1, Math.floor(Math.max(from.x, to.x)));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y)));
  const bottom = Math.min(height - 1, Math.floor(Math.max(from.y, to.y)));
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) paint(row * width + column, 1);
  }
}

/**
 * Covers the area around a point whose colors are like the point's own; corners that touch do not join areas.
 * @param {Uint8ClampedArray} pixels RGBA
 * @param {number} width @param {number} height
 * @param {Point} point
 * @param {number} tolerance how far red, green and blue may each lie from the point's
 * @param {Paint} paint
 */
export function area(pixels, width, height, point, tolerance, paint) {
  const start = Math.floor(point.y) * width + Math.floor(point.x);
  const [red, green, blue] = pixels.subarray(4 * start, 4 * start + 3);
  const isLike = (/** @type {number} */ index) =>
    Math.abs(pixels[4 * index] - red) <= tolerance &&
    Math.abs(pixels[4 * index + 1] - green) <= tolerance &&
    Math.abs(pixels[4 * index + 2] - blue) <= tolerance;
  const isSeen = new Uint8Array(width * height);
  const stack = [start];
  isSeen[start] = 1;
  /** @type {number[]} */
  const found = [];
  const look = (/** @type {number} */ index) => {
    if (isSeen[index] || !isLike(index)) return;
    isSeen[index] = 1;
    stack.push(index);
  };
  while (stack.length) {
    const index = /** @type {number} */ (stack.pop());
    found.push(index);
    const column = index % width;
    if (column > 0) look(index - 1);
    if (column < width - 1) look(index + 1);
    if (index >= width) look(index - width);
    if (index < width * (height - 1)) look(index + width);
  }
  for (const index of found) paint(index, 1);
}
