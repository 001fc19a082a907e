/** Takes mouse, touch, pen and keys on the canvas to the drawing. */

/** @typedef {import("./drawing.js").Drawing} Drawing */
/** @typedef {import("./drawing.js").Brush} Brush */

const STEPS = new Map(Object.entries({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }));
const FAR = 8; // pixels of a step with Shift

export class Easel {
  /** @type {Drawing | null} */
  drawing = null;
  #cursor = { x: 0, y: 0 };
  /** @type {number | null} */
  #pointer = null;
  #isKeyDown = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} nib shows where the pen is, and its size
   * @param {() => Brush} brushOf
   * @param {(color: string) => void} onPick takes the color of a pixel that was clicked with Alt
   */
  constructor(canvas, nib, brushOf, onPick) {
    this.canvas = canvas;
    this.nib = nib;
    this.brushOf = brushOf;
    this.onPick = onPick;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => {
      if (event.pointerId !== this.#pointer) return;
      this.#pointer = null;
      this.drawing?.cancel();
    });
    canvas.addEventListener("pointerleave", () => this.#hide());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => {
      this.#lift();
      this.#hide();
    });
  }

  /**
   * Shows another drawing.
   * @param {Drawing} drawing
   */
  show(drawing) {
    this.drawing = drawing;
    this.canvas.width = drawing.image.width;
    this.canvas.height = drawing.image.height;
    this.#cursor = { x: drawing.image.width / 2, y: drawing.image.height / 2 };
    this.paint();
  }

  /** Shows the drawing as it is now. */
  paint() {
    if (this.drawing) this.canvas.getContext("2d")?.putImageData(this.drawing.image, 0, 0);
  }

  /** @param {MouseEvent} event */
  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.canvas.width,
      y: ((event.clientY - box.top) / box.height) * this.canvas.height,
    };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.drawing || this.#pointer !== null || event.button !== 0) return;
    if (event.altKey) return this.onPick(this.drawing.colorAt(this.#point(event)));
    this.#pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    return this.drawing.begin(this.#point(event), this.brushOf());
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.#show(this.#point(event));
    if (event.pointerId !== this.#pointer) return;
    // What the pointer did between two frames; the last of them is the event itself.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.drawing?.move(this.#point(each), event.shiftKey);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.drawing?.end();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.drawing || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS.get(event.key);
    if (event.key === " " || event.key === "Enter") this.#press();
    else if (event.key === "Escape" && this.#isKeyDown) this.#abandon();
    else if (step) this.#walk(step, event.shiftKey ? FAR : 1);
    else return;
    event.preventDefault();
  }

  #press() {
    if (this.#isKeyDown) return this.#lift();
    const brush = this.brushOf();
    this.drawing?.begin(this.#cursor, brush);
    this.#isKeyDown = brush.tool !== "fill";
    return this.#show(this.#cursor);
  }

  #lift() {
    if (!this.#isKeyDown) return;
    this.#isKeyDown = false;
    this.drawing?.end();
  }

  #abandon() {
    this.#isKeyDown = false;
    this.drawing?.cancel();
  }

  /** @param {number[]} step @param {number} pixels */
  #walk([across, down], pixels) {
    const { width, height } = this.canvas;
    this.#cursor = {
      x: Math.min(Math.max(this.#cursor.x + across * pixels, 0.5), width - 0.5),
      y: Math.min(Math.max(this.#cursor.y + down * pixels, 0.5), height - 0.5),
    };
    if (this.#isKeyDown) this.drawing?.move(this.#cursor);
    this.#show(this.#cursor);
  }

  /** @param {{x: number, y: number}} point */
  #show({ x, y }) {
    const { tool, size } = this.brushOf();
    const isRound = tool !== "fill" && tool !== "rectangle";
    this.nib.hidden = false;
    this.nib.style.left = `${(100 * x) / this.canvas.width}%`;
    this.nib.style.top = `${(100 * y) / this.canvas.height}%`;
    this.nib.style.width = `${(100 * (isRound ? size : 1)) / this.canvas.width}%`;
  }

  #hide() {
    this.nib.hidden = true;
  }
}
