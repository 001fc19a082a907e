/** The tools, the pen's size, and the buttons beside the drawing. */

export const TOOLS = ["pen", "line", "rectangle", "fill", "eraser"];

export class Tools {
  tool = "pen";
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();

  /**
   * @param {HTMLElement} room that holds the buttons, each with its `data-tool`
   * @param {HTMLInputElement} range of the pen's size
   * @param {HTMLOutputElement} words beside it
   */
  constructor(room, range, words) {
    this.range = range;
    this.words = words;
    for (const tool of TOOLS) {
      const button = /** @type {HTMLButtonElement} */ (room.querySelector(`[data-tool=${tool}]`));
      button.addEventListener("click", () => this.choose(tool));
      this.#buttons.set(tool, button);
    }
    range.addEventListener("input", () => this.#say());
    this.choose("pen");
  }

  get size() {
    return this.range.valueAsNumber;
  }

  /**
   * Offers pens that suit a picture.
   * @param {number} side the picture's shorter, in pixels
   */
  fitTo(side) {
    this.range.max = String(Math.max(4, Math.round(side / 8)));
    this.range.value = String(Math.max(1, Math.round(side / 40)));
    this.#say();
  }

  /** @param {string} tool */
  choose(tool) {
    this.tool = tool;
    for (const [name, button] of this.#buttons) button.setAttribute("aria-pressed", String(name === tool));
  }

  /** @param {number} pixels */
  widen(pixels) {
    this.range.value = String(this.size + pixels);
    this.#say();
  }

  #say() {
    this.words.textContent = `${this.size} px`;
    this.range.dispatchEvent(new Event("size"));
  }
}
