/** What a person draws: the pixels that the network sees, and their history. */

import { colorOf, distance, mix, wordOf } from "./color.js";
import { History } from "./history.js";
import { area, pen, rectangle } from "./raster.js";

/** @typedef {import("./raster.js").Point} Point */
/** @typedef {{tool: string, color: string, size: number}} Brush */
/** @typedef {{before: Uint32Array<ArrayBuffer>, coverage: Float32Array, from: Point, last: Point, brush: Brush}} Stroke */

const MAX_TOLERANCE = 24; // levels; JPEG's noise beside the edges of a label

/** Holds one drawing. Sends "change" at every change of its pixels; `isStroke` while a stroke is under way. */
export class Drawing extends EventTarget {
  isStroke = false;
  /** The validation source that it began from, from 1; 0 when it began empty or from a picture. */
  base = 0;
  /** @type {ImageData | null} The picture that it began from, in its own size. */
  original = null;
  #history = new History();
  /** @type {Stroke | null} */
  #stroke = null;

  /**
   * @param {number} width @param {number} height
   * @param {string} background "#rrggbb"
   * @param {{name: string, color: string}[] | null} palette
   */
  constructor(width, height, background, palette) {
    super();
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.background = background;
    const labels = palette?.map(({ color }) => wordOf(color)) ?? [];
    const isInk = labels.every((word) => [wordOf("#000000"), wordOf("#ffffff")].includes(word));
    // Labels have no colors in between; edges and free colors have.
    this.isSmooth = isInk;
    const nearest = Math.min(...labels.flatMap((one, at) => labels.slice(at + 1).map((two) => distance(one, two))));
    this.tolerance = Math.min(MAX_TOLERANCE, Math.floor((nearest - 1) / 2));
    this.words.fill(wordOf(background));
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /**
   * Begins a stroke; or fills, if that is the brush's tool.
   * @param {Point} point @param {Brush} brush
   */
  begin(point, brush) {
    this.cancel();
    const before = this.words.slice();
    if (brush.tool === "fill") {
      const word = wordOf(brush.color);
      area(this.image.data, this.image.width, this.image.height, point, this.tolerance, (index) => {
        this.words[index] = word;
      });
      this.#done(before);
      return;
    }
    const start = this.#snapped(point, brush);
    this.#stroke = { before, coverage: new Float32Array(before.length), from: start, last: start, brush };
    this.isStroke = true;
    this.move(point);
  }

  /**
   * Draws on to a point.
   * @param {Point} point
   * @param {boolean} [isStraight] whether a line keeps to eighths of a turn, and a rectangle is a square
   */
  move(point, isStraight = false) {
    if (!this.#stroke) return;
    const { from, last, brush } = this.#stroke;
    let to = this.#snapped(point, brush);
    if (brush.tool === "line" || brush.tool === "rectangle") {
      if (isStraight) to = straightened(from, to, brush.tool);
      this.#restart();
      this.#cover(from, to);
    } else {
      this.#cover(last, to);
    }
    this.#stroke.last = to;
    this.#changed();
  }

  /** Ends the stroke. */
  end() {
    if (!this.#stroke) return;
    const { before } = this.#stroke;
    this.#stroke = null;
    this.#done(before);
  }

  /** Takes the stroke back. */
  cancel() {
    if (!this.#stroke) return;
    this.#restart();
    this.#stroke = null;
    this.isStroke = false;
    this.#changed();
  }

  /** Returns the color of a pixel. @param {Point} point */
  colorAt({ x, y }) {
    return colorOf(this.words[Math.floor(y) * this.image.width + Math.floor(x)]);
  }

  /** Empties the drawing. */
  clear() {
    const empty = new Uint32Array(this.words.length).fill(wordOf(this.background));
    this.open(empty, { base: 0 });
  }

  /**
   * Takes a picture in place of the drawing.
   * @param {Uint32Array} words
   * @param {{base?: number, original?: ImageData | null, isKept?: boolean}} [from]
   */
  open(words, { base = 0, original = null, isKept = true } = {}) {
    this.cancel();
    const before = this.words.slice();
    this.words.set(words);
    this.base = base;
    this.original = original;
    if (isKept) this.#done(before);
    else this.#changed();
  }

  undo() {
    this.cancel();
    this.#take(this.#history.undo(this.words.slice()));
  }

  redo() {
    this.cancel();
    this.#take(this.#history.redo(this.words.slice()));
  }

  /** @param {Uint32Array | undefined} words */
  #take(words) {
    if (!words) return;
    this.words.set(words);
    this.#changed();
  }

  /** @param {Point} from @param {Point} to */
  #cover(from, to) {
    const { before, coverage, brush } = /** @type {Stroke} */ (this.#stroke);
    const word = wordOf(brush.tool === "eraser" ? this.background : brush.color);
    // The most that any part of the stroke covers: where it crosses itself, its rim stays as soft.
    const paint = (/** @type {number} */ index, /** @type {number} */ share) => {
      if (share <= coverage[index]) return;
      coverage[index] = share;
      this.words[index] = mix(before[index], word, share);
    };
    const { width, height } = this.image;
    if (brush.tool === "rectangle") rectangle(width, height, from, to, paint);
    else pen(width, height, from, to, brush.size / 2, this.isSmooth, paint);
  }

  #restart() {
    const { before, coverage } = /** @type {Stroke} */ (this.#stroke);
    this.words.set(before);
    coverage.fill(0);
  }

  /**
   * Returns the pen's center for a point: hard pens of odd sizes stand on pixels, those of even sizes between them.
   * @param {Point} point @param {Brush} brush @returns {Point}
   */
  #snapped({ x, y }, { tool, size }) {
    if (tool === "rectangle") {
      const { width, height } = this.image;
      return { x: Math.min(Math.max(x, 0), width - 0.5), y: Math.min(Math.max(y, 0), height - 0.5) };
    }
    if (this.isSmooth) return { x, y };
    return size % 2 ? { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 } : { x: Math.round(x), y: Math.round(y) };
  }

  /** @param {Uint32Array<ArrayBuffer>} before */
  #done(before) {
    this.#history.keep(before);
    this.isStroke = false;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Returns the end of a line in the nearest eighth of a turn, or of a square.
 * @param {Point} from @param {Point} to @param {string} tool @returns {Point}
 */
function straightened(from, to, tool) {
  const [x, y] = [to.x - from.x, to.y - from.y];
  const side = Math.max(Math.abs(x), Math.abs(y));
  if (tool === "rectangle") return { x: from.x + side * (Math.sign(x) || 1), y: from.y + side * (Math.sign(y) || 1) };
  const eighth = Math.round(Math.atan2(y, x) / (Math.PI / 4)) * (Math.PI / 4);
  const [across, down] = [Math.round(Math.cos(eighth)), Math.round(Math.sin(eighth))];
  return { x: from.x + side * across, y: from.y + side * down };
}
