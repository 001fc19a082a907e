/** The models of this site, and the drawing that belongs to each. */

import { wordOf } from "./drawing/color.js";
import { Drawing } from "./drawing/drawing.js";
import { fetchPicture } from "./opening/picture-file.js";
import { fit } from "./picture.js";

/**
 * An entry of models.json.
 * @typedef {object} Model
 * @property {string} name
 * @property {string} title
 * @property {"litert" | "rest"} engine
 * @property {string} [file]
 * @property {string} [url]
 * @property {number} bytes
 * @property {string} precision
 * @property {[number, number]} image_size height and width
 * @property {number} multiple
 * @property {number} source_channels
 * @property {number} target_channels
 * @property {{name: string, color: string}[] | null} palette
 * @property {string} background
 * @property {string[]} sources
 * @property {number} step
 * @property {string} resize_method
 */

/** Reads models.json. @returns {Promise<Model[]>} */
export async function readModels() {
  const response = await fetch("models.json").catch(() => null);
  const models = await response?.json().catch(() => null);
  if (!response?.ok || !Array.isArray(models) || !models.length) {
    throw new Error(
      "The list of models, models.json, cannot be read. Copy the whole folder of this page, with models/.",
    );
  }
  return models;
}

/** Holds a model with its drawing and its sources. */
export class Subject {
  /** @type {Map<number, Promise<ImageData>>} */
  #sources = new Map();
  /** @type {ImageData | null} */
  result = null;

  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    const [height, width] = model.image_size;
    this.drawing = new Drawing(width, height, model.background, model.palette);
  }

  /**
   * Fits a picture to what the network takes.
   * @param {ImageData} image of any size
   */
  fitted(image) {
    const { image_size, resize_method } = this.model;
    return fit(image, image_size, resize_method);
  }

  /**
   * Returns a source in its own size.
   * @param {number} number from 1
   */
  source(number) {
    const address = this.model.sources[number - 1];
    if (!address) throw new Error(`There is no example ${number} on this page.`);
    const known = this.#sources.get(number) ?? fetchPicture(address);
    this.#sources.set(number, known);
    known.catch(() => this.#sources.delete(number));
    return known;
  }

  /**
   * Returns the pixels of a source as the network takes them, or of an empty drawing for 0.
   * @param {number} number
   */
  async base(number) {
    if (number) return wordsOf(this.fitted(await this.source(number)));
    return new Uint32Array(this.drawing.words.length).fill(wordOf(this.model.background));
  }
}

/** @param {ImageData} image */
export const wordsOf = (image) => new Uint32Array(image.data.buffer);
