/** The webcam's picture, live. */

import { pixelsOf } from "./picture-file.js";

const REASONS = new Map(
  Object.entries({
    NotAllowedError: "This page may not use the webcam. Allow it in the browser, beside the address.",
    NotFoundError: "No webcam was found. Connect one, or choose a picture.",
    NotReadableError: "The webcam is in use elsewhere. Close the other program.",
  }),
);

export class Webcam {
  #video = document.createElement("video");
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {number[]} */
  #times = [];

  get isOn() {
    return this.#stream !== null;
  }

  /** Asks for the webcam and waits for its first picture. */
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The browser gives the webcam to pages by https or on this machine only.");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
      this.#video.muted = true;
      this.#video.playsInline = true;
      this.#video.srcObject = this.#stream;
      await this.#video.play();
    } catch (error) {
      this.stop();
      const name = error instanceof Error ? error.name : "";
      throw new Error(REASONS.get(name) ?? `The webcam gives no picture (${name}). Choose a picture instead.`);
    }
    this.#times = [];
  }

  /**
   * Returns the middle of the picture.
   * @param {number} width @param {number} height
   */
  frame(width, height) {
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(videoWidth / width, videoHeight / height);
    const part = { width: width * scale, height: height * scale };
    this.#times = [...this.#times.slice(-20), performance.now()];
    return pixelsOf(this.#video, width, height, {
      x: (videoWidth - part.width) / 2,
      y: (videoHeight - part.height) / 2,
      ...part,
    });
  }

  /** Frames a second, over the last twenty. */
  get rate() {
    const spent = (this.#times.at(-1) ?? 0) - this.#times[0];
    return spent > 0 ? (1000 * (this.#times.length - 1)) / spent : 0;
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }
}
