/** A slider over the result: the drawing, or the picture that it began from, on its left. */

export class Comparison {
  /**
   * @param {HTMLElement} frame around the result's canvas
   * @param {HTMLCanvasElement} canvas that lies over the result
   * @param {HTMLInputElement} slider
   * @param {HTMLButtonElement} button turns it on and off
   * @param {HTMLButtonElement} original takes the picture in place of the drawing
   */
  constructor(frame, canvas, slider, button, original) {
    this.frame = frame;
    this.canvas = canvas;
    this.slider = slider;
    this.button = button;
    this.original = original;
    slider.addEventListener("input", () => this.#split());
    original.addEventListener("click", () => {
      original.setAttribute("aria-pressed", String(!this.isOriginal));
      original.dispatchEvent(new Event("change"));
    });
    this.#split();
  }

  get isOn() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  get isOriginal() {
    return this.original.getAttribute("aria-pressed") === "true";
  }

  toggle() {
    this.button.setAttribute("aria-pressed", String(!this.isOn));
    this.frame.classList.toggle("compared", this.isOn);
  }

  /**
   * Shows what lies left of the slider.
   * @param {ImageData} image the drawing
   * @param {ImageData | null} original the picture that it began from
   */
  show(image, original) {
    this.original.hidden = !this.isOn || !original;
    if (!this.isOn) return;
    const shown = this.isOriginal && original ? original : image;
    this.canvas.width = shown.width;
    this.canvas.height = shown.height;
    this.canvas.classList.toggle("pixels", shown === image);
    this.canvas.getContext("2d")?.putImageData(shown, 0, 0);
  }

  #split() {
    this.frame.style.setProperty("--split", `${this.slider.value}%`);
  }
}
