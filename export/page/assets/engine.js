/** Opens models, and translates pictures with them: by LiteRT in a worker, or by a server. */

import { openServer } from "./server-engine.js";

/**
 * @typedef {object} Engine
 * @property {(image: ImageData) => Promise<{image: ImageData, milliseconds: number}>} translate takes a picture of image_size
 * @property {string} backend for people: "WebGPU", "wasm, 4 threads", "wasm" or "server"
 * @property {() => void} close
 */

/** What a worker tries, from the fastest on. */
export const BACKENDS = ["webgpu", "threads", "wasm"];

/** What stands at byte 4 of every TFLite file. */
const TFLITE = "TFL3";

/**
 * Opens a model of models.json.
 *
 * @param {object} model its entry
 * @param {object} options
 * @param {(progress: {loaded: number, total: number}) => void} options.onProgress gets bytes; total grows once more is known
 * @param {string[]} options.backends which of BACKENDS to try
 * @returns {Promise<Engine>}
 * @throws {Error} whose message is a sentence for people
 */
export async function openEngine(model, { onProgress = () => {}, backends = BACKENDS } = {}) {
  if (model.engine === "rest") return openServer(model);
  if (typeof WebAssembly === "undefined" || typeof Worker === "undefined") {
    throw new Error("This browser cannot run models: it has no WebAssembly. Please update it, or take another one.");
  }
  const parts = { model: { loaded: 0, total: model.bytes }, runtime: { loaded: 0, total: 0 } };
  const report = (name, part) => {
    parts[name] = part;
    onProgress({ loaded: parts.model.loaded + parts.runtime.loaded, total: parts.model.total + parts.runtime.total });
  };
  const file = await fetchModel(model, (loaded) => report("model", { loaded, total: model.bytes }));
  let reason = "it has no backend";
  for (const backend of backends) {
    if (!(await isThere(backend))) continue;
    const worker = new WorkerCalls((part) => report("runtime", part));
    try {
      const opened = await worker.call({ type: "open", backend, file, model });
      return engineOf(worker, opened.backend);
    } catch (error) {
      worker.close();
      reason = error.message;
    }
  }
  throw new Error(`The model “${model.title}” cannot be run in this browser: ${reason}`);
}

function engineOf(worker, backend) {
  return {
    backend,
    translate: (image) => worker.call({ type: "translate", image }),
    close: () => worker.close(),
  };
}

async function isThere(backend) {
  if (backend === "threads") return globalThis.crossOriginIsolated === true;
  if (backend !== "webgpu") return true;
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    // A fallback adapter computes on the processor, and takes many times as long as wasm.
    return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  } catch {
    return false;
  }
}

async function fetchModel(model, onLoaded) {
  const failed = (why) =>
    new Error(
      `The model “${model.title}” could not be loaded: ${why}. Please check the connection and reload the page.`,
    );
  let chunks;
  try {
    const response = await fetch(new URL(model.file, document.baseURI));
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    chunks = await readAll(response.body, onLoaded);
  } catch (error) {
    throw failed(error.message);
  }
  const file = new Uint8Array(await new Blob(chunks).arrayBuffer());
  if (new TextDecoder().decode(file.subarray(4, 8)) !== TFLITE) {
    throw new Error(`The model “${model.title}” is damaged: ${model.file} is not a TFLite file.`);
  }
  return file;
}

async function readAll(stream, onLoaded) {
  const chunks = [];
  let loaded = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    chunks.push(value);
    loaded += value.length;
    onLoaded(loaded);
  }
}

/** Calls a worker, and waits for each of its answers. */
class WorkerCalls {
  constructor(onLoaded) {
    this.waiting = new Map();
    this.calls = 0;
    // A classic worker: LiteRT.js loads its wasm by importScripts.
    this.worker = new Worker(new URL("engine-worker.js", import.meta.url));
    this.worker.onmessage = ({ data }) => {
      if (data.progress) {
        onLoaded(data.progress);
        return;
      }
      const { resolve, reject } = this.waiting.get(data.call);
      this.waiting.delete(data.call);
      if (data.error) reject(new Error(data.error));
      else resolve(data.answer);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.fail(event.message || "engine-worker.js could not be loaded.");
    };
  }

  call(message) {
    if (this.closed) return Promise.reject(new Error(this.closed));
    return new Promise((resolve, reject) => {
      this.calls += 1;
      this.waiting.set(this.calls, { resolve, reject });
      this.worker.postMessage({ ...message, call: this.calls });
    });
  }

  fail(why) {
    this.closed = why;
    for (const { reject } of this.waiting.values()) reject(new Error(why));
    this.waiting.clear();
    this.worker.terminate();
  }

  close() {
    this.fail("The model was closed.");
  }
}
