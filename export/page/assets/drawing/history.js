/** What a drawing was before each change. */

const MAX_BYTES = 64e6;

export class History {
  /** @type {Uint32Array<ArrayBuffer>[]} */
  #past = [];
  /** @type {Uint32Array<ArrayBuffer>[]} */
  #future = [];

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /**
   * Keeps what the drawing was; the oldest are forgotten when they become too large.
   * @param {Uint32Array<ArrayBuffer>} before
   */
  keep(before) {
    this.#past.push(before);
    this.#future = [];
    while (this.#past.length > 1 && this.#past.length * before.byteLength > MAX_BYTES) this.#past.shift();
  }

  /**
   * Returns what the drawing was, or undefined.
   * @param {Uint32Array<ArrayBuffer>} now
   */
  undo(now) {
    const before = this.#past.pop();
    if (before) this.#future.push(now);
    return before;
  }

  /**
   * Returns what the drawing was before it was undone, or undefined.
   * @param {Uint32Array<ArrayBuffer>} now
   */
  redo(now) {
    const after = this.#future.pop();
    if (after) this.#past.push(now);
    return after;
  }
}
