/** Translates drawings one after another: the newest wins, those between are left out. */

/** @typedef {{image: ImageData, milliseconds: number}} Result */
/** @typedef {{translate: (image: ImageData) => Promise<Result>, backend: string, close: () => void}} Engine */

export class Translations {
  /** @type {(() => ImageData) | null} */
  #next = null;
  /** @type {Promise<void> | null} */
  #running = null;
  #isClosed = false;
  /** Milliseconds that the last one took; Infinity before the first. */
  milliseconds = Infinity;

  /**
   * @param {Engine} engine
   * @param {(result: Result) => void} onResult
   * @param {(error: Error) => void} onError
   */
  constructor(engine, onResult, onError) {
    this.engine = engine;
    this.onResult = onResult;
    this.onError = onError;
  }

  /**
   * Translates a picture as soon as the one before it is done.
   * @param {() => ImageData} picture is asked for when its turn has come
   * @returns {Promise<void>} until nothing is left to translate
   */
  request(picture) {
    this.#next = picture;
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Until nothing is left to translate. */
  get settled() {
    return this.#running ?? Promise.resolve();
  }

  /** Frees the engine; what it still computes is not shown. */
  close() {
    this.#isClosed = true;
    this.#next = null;
    this.engine.close();
  }

  async #run() {
    while (this.#next) {
      const picture = this.#next();
      this.#next = null;
      try {
        const result = await this.engine.translate(picture);
        if (this.#isClosed) break;
        this.milliseconds = result.milliseconds;
        this.onResult(result);
      } catch (error) {
        if (!this.#isClosed) this.onError(/** @type {Error} */ (error));
      }
    }
    this.#running = null;
  }
}
