/** Says what happens, what went wrong, and how much of the model has come. */

import { find } from "./elements.js";

const element = (/** @type {string} */ id) => find(id, HTMLElement);

/**
 * Says something in passing.
 * @param {string} text
 */
export function say(text) {
  element("status").textContent = text;
}

/**
 * Says what went wrong.
 * @param {unknown} error
 */
export function complain(error) {
  element("problem-text").textContent = error instanceof Error ? error.message : String(error);
  element("problem").hidden = false;
}

/** Takes the last complaint away. */
export function calm() {
  element("problem").hidden = true;
}

/**
 * Says that the model cannot be used, in place of the result.
 * @param {unknown} error
 */
export function giveUp(error) {
  element("loading").hidden = true;
  element("failure").hidden = false;
  element("failure-text").textContent = error instanceof Error ? error.message : String(error);
}

/**
 * Shows how much of a model has come.
 * @param {string} name
 * @param {number} loaded bytes
 * @param {number} total bytes
 */
export function showProgress(name, loaded, total) {
  element("failure").hidden = true;
  element("loading").hidden = false;
  const bar = find("progress", HTMLProgressElement);
  bar.max = total || 1;
  bar.value = Math.min(loaded, bar.max);
  element("loaded").textContent = loaded < total ? `${megabytes(loaded)} of ${megabytes(total)} MB` : "Getting ready…";
  element("loading-name").textContent = name;
}

/** Takes the progress away. */
export function hideProgress() {
  element("loading").hidden = true;
  element("failure").hidden = true;
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
