/** Pictures as the network sees them: resized, as numbers in [-1, 1], and back. The same steps as pipelines/images has. */

/** Kernels by name: their radius in pixels of the smaller picture, and their weight at a distance from 0 on. */
const KERNELS = {
  bicubic: {
    radius: 2,
    weight: (x) => (x >= 2 ? 0 : x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1),
  },
  bilinear: { radius: 1, weight: (x) => Math.max(0, 1 - x) },
  lanczos3: { radius: 3, weight: (x) => (x > 3 ? 0 : Math.abs(x) < 1e-3 ? 1 : sinc(x) * sinc(x / 3)) },
};
const LUMINANCE = [0.299, 0.587, 0.114];
const normalized = (level) => Math.fround(level / 255) * 2 - 1;
/** What the network sees of each level from 0 to 255. */
const LEVELS = Float32Array.from({ length: 256 }, (_, level) => normalized(level));

const sinc = (x) => Math.sin(Math.PI * x) / (Math.PI * x);

/**
 * Resizes a picture as training does, antialiased. What is transparent shows white, unless alpha is kept.
 *
 * @param {ImageData} image
 * @param {[number, number]} size height, width
 * @param {string} method bicubic, bilinear, lanczos3, area or nearest
 * @param {boolean} keepAlpha for networks whose source has alpha
 * @returns {ImageData}
 */
export function fit(image, [height, width], method, keepAlpha = false) {
  const from = keepAlpha ? image : flatten(image);
  if (from.height === height && from.width === width) return new ImageData(from.data.slice(), width, height);
  const rows = spans(from.height, height, method);
  const columns = spans(from.width, width, method);
  const low = scaleColumns(from.data, from.width * 4, rows);
  const values = scaleRows(low, from.width, columns, height);
  const data = new Uint8ClampedArray(height * width * 4);
  data.set(values); // clipped to 0..255, halves rounded to even
  return new ImageData(data, width, height);
}

/**
 * Lays a picture over white.
 *
 * @param {ImageData} image
 * @returns {ImageData}
 */
export function flatten(image) {
  const data = new Uint8ClampedArray(image.data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = image.data[i + 3] / 255;
    for (let c = 0; c < 3; c++) data[i + c] = image.data[i + c] * alpha + 255 * (1 - alpha);
    data[i + 3] = 255;
  }
  return new ImageData(data, image.width, image.height);
}

/**
 * Returns what each place of a resized side is made of: its first place of the original, and the weights from there on.
 *
 * @param {number} before
 * @param {number} after
 * @param {string} method
 * @returns {{start: number, weights: number[]}[]}
 */
function spans(before, after, method) {
  const ratio = before / after;
  if (method === "nearest") {
    return places(after, (i) => ({ start: Math.min(Math.floor((i + 0.5) * ratio), before - 1), weights: [1] }));
  }
  if (method === "area") return places(after, (i) => overlap(i * ratio, (i + 1) * ratio, before));
  const kernel = KERNELS[method];
  if (!kernel) throw new Error(`This page cannot resize pictures by ${method}.`);
  // Smaller pictures are antialiased: the kernel covers as many pixels more.
  const stretch = Math.max(ratio, 1);
  const reach = kernel.radius * stretch;
  return places(after, (i) => {
    const center = (i + 0.5) * ratio;
    const start = Math.max(0, Math.ceil(center - reach - 0.5));
    const end = Math.min(before - 1, Math.floor(center + reach - 0.5));
    const found = places(end - start + 1, (k) => kernel.weight(Math.abs(start + k + 0.5 - center) / stretch));
    return sharesOf(start, found);
  });
}

/** Weighs each pixel by the share of it that lies between two places. */
function overlap(from, to, before) {
  const start = Math.floor(from);
  const end = Math.min(before, Math.ceil(to));
  const found = places(end - start, (k) => Math.min(start + k + 1, to) - Math.max(start + k, from));
  return sharesOf(start, found);
}

const places = (count, at) => Array.from({ length: count }, (_, index) => at(index));

function sharesOf(start, weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { start, weights: weights.map((weight) => weight / total) };
}

/** Combines whole rows, each of `length` numbers. */
function scaleColumns(data, length, rows) {
  const result = new Float32Array(rows.length * length);
  rows.forEach(({ start, weights }, row) => {
    const out = result.subarray(row * length, (row + 1) * length);
    weights.forEach((weight, k) => {
      const from = (start + k) * length;
      for (let i = 0; i < length; i++) out[i] += weight * data[from + i];
    });
  });
  return result;
}

/** Combines the pixels within each row. */
function scaleRows(data, width, columns, height) {
  const result = new Float32Array(height * columns.length * 4);
  let place = 0;
  for (let row = 0; row < height; row++) {
    for (const { start, weights } of columns) {
      const from = (row * width + start) * 4;
      for (let c = 0; c < 4; c++, place++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * data[from + 4 * k + c];
        result[place] = sum;
      }
    }
  }
  return result;
}

/**
 * Converts a picture to what the network takes: (1, height, width, channels) in [-1, 1].
 *
 * @param {ImageData} image
 * @param {number} channels 1 (gray), 3 (RGB) or 4 (RGBA)
 * @returns {Float32Array}
 */
export function toTensor(image, channels) {
  const { data } = channels === 4 ? image : flatten(image);
  const values = new Float32Array((data.length / 4) * channels);
  const [red, green, blue] = LUMINANCE;
  for (let i = 0, from = 0; i < values.length; from += 4) {
    if (channels === 1) values[i++] = normalized(red * data[from] + green * data[from + 1] + blue * data[from + 2]);
    else for (let c = 0; c < channels; c++) values[i++] = LEVELS[data[from + c]];
  }
  return values;
}

/**
 * Converts what the network gives, (1, height, width, channels) in [-1, 1], to a picture.
 *
 * @param {Float32Array} values
 * @param {[number, number]} size height, width
 * @param {number} channels 1 (gray) or 3 (RGB)
 * @returns {ImageData}
 */
export function toImage(values, [height, width], channels) {
  const data = new Uint8ClampedArray(height * width * 4);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      const value = values[channels === 1 ? i : i * channels + c];
      // Clipped, halves rounded to even.
      data[4 * i + c] = Math.fround(Math.fround(value + 1) * 127.5);
    }
    data[4 * i + 3] = 255;
  }
  return new ImageData(data, width, height);
}
