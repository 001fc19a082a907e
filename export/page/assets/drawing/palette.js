/** The colors that one draws in: a button for each label, or some colors and any other. */

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

export class Palette {
  color = "#000000";
  /** @type {HTMLButtonElement[]} */
  #buttons = [];
  /** @type {HTMLInputElement | null} */
  #any = null;

  /**
   * @param {HTMLElement} room that the buttons go into
   * @param {Label[] | null} labels null for free colors
   * @param {string} background the label after it is chosen at first
   */
  constructor(room, labels, background) {
    const shown = labels ?? COLORS;
    this.#buttons = shown.map((label, at) => this.#button(label, at));
    room.replaceChildren(...this.#buttons);
    if (!labels) room.append(this.#free());
    this.choose((shown.findIndex(({ color }) => color === background) + 1) % shown.length);
  }

  /**
   * Takes a color by its place, from 0.
   * @param {number} at
   */
  choose(at) {
    const color = this.#buttons[at]?.dataset.color;
    if (color) this.#take(color);
  }

  /**
   * Takes a color, if it may be drawn in.
   * @param {string} color "#rrggbb"
   */
  pick(color) {
    if (this.#any) this.#any.value = color;
    if (this.#any || this.#buttons.some(({ dataset }) => dataset.color === color)) this.#take(color);
  }

  /** @param {string} color */
  #take(color) {
    this.color = color;
    for (const button of this.#buttons) button.setAttribute("aria-pressed", String(button.dataset.color === color));
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
