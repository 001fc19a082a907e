/** The colors that one draws in: a button for each label, or some colors and any other. */

import { distance, wordOf } from "./color.js";

/** @typedef {{name: string, color: string}} Label */

const COLORS = Object.entries({
  black: "#000000",
  white: "#ffffff",
  gray: "#808080",
  red: "#d62728",
  yellow: "#f2c500",
  green: "#2c8c3c",
  blue: "#2166c0",
  brown: "#7b4b2a",
}).map(([name, color]) => ({ name, color }));

const JPEG_NOISE = 20; // levels
const MIN_SEEN = 0.01; // of a picture's pixels

export class Palette {
  color = "#000000";
  #isChosen = false;
  /** @type {HTMLElement} */
  #room;
  /** @type {HTMLButtonElement[]} */
  #buttons = [];
  /** @type {HTMLInputElement | null} */
  #any = null;

  /**
   * @param {HTMLElement} room that the buttons go into
   * @param {Label[] | null} labels null for free colors
   * @param {string} background of an empty drawing: another label is taken at first
   */
  constructor(room, labels, background) {
    const shown = labels ?? COLORS;
    this.#room = room;
    this.background = background;
    this.#buttons = shown.map((label, at) => this.#button(label, at));
    room.replaceChildren(...this.#buttons);
    if (!labels) room.append(this.#free());
    this.#take((shown.find(({ color }) => color !== background) ?? shown[0]).color);
  }

  /**
   * Takes a label that shows on a picture, until a person chooses one: the first that is in it, but neither the
   * background nor what most of it is made of.
   * @param {Uint32Array} words the picture's pixels
   */
  suggest(words) {
    if (this.#isChosen || this.#any) return;
    const counts = /** @type {Map<number, number>} */ (new Map());
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    const labels = this.#buttons.map(({ dataset }) => dataset.color ?? "");
    const shares = labels.map((color) => {
      const label = wordOf(color);
      return [...counts].reduce((sum, [word, count]) => sum + (distance(word, label) <= JPEG_NOISE ? count : 0), 0);
    });
    const ground = labels[shares.indexOf(Math.max(...shares))];
    const isSeen = (/** @type {string} */ color, /** @type {number} */ at) =>
      ![ground, this.background].includes(color) && shares[at] >= MIN_SEEN * words.length;
    const color = labels.find(isSeen);
    if (color) this.#take(color);
  }

  /**
   * Takes a color by its place, from 0.
   * @param {number} at
   */
  choose(at) {
    const color = this.#buttons[at]?.dataset.color;
    if (!color) return;
    this.#isChosen = true;
    this.#take(color);
  }

  /**
   * Takes a color, if it may be drawn in.
   * @param {string} color "#rrggbb"
   */
  pick(color) {
    if (this.#any) this.#any.value = color;
    if (!this.#any && !this.#buttons.some(({ dataset }) => dataset.color === color)) return;
    this.#isChosen = true;
    this.#take(color);
  }

  /** @param {string} color */
  #take(color) {
    this.color = color;
    for (const button of this.#buttons) {
      const isTaken = button.dataset.color === color;
      button.setAttribute("aria-pressed", String(isTaken));
      // On a phone the colors are a strip, wider than the screen.
      if (isTaken) this.#room.scrollLeft = button.offsetLeft - (this.#room.clientWidth - button.offsetWidth) / 2;
    }
  }

  /** @param {Label} label @param {number} at */
  #button({ name, color }, at) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "label";
    button.dataset.color = color;
    if (at < 9) button.title = `${name} (${at + 1})`;
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = color;
    button.append(swatch, name);
    button.addEventListener("click", () => this.choose(at));
    return button;
  }

  #free() {
    const label = document.createElement("label");
    label.className = "label";
    const input = document.createElement("input");
    input.type = "color";
    input.addEventListener("input", () => this.#take(input.value));
    this.#any = input;
    label.append(input, "any color");
    return label;
  }
}
