/**
 * Runs one model with LiteRT.js, away from the thread that draws. A classic worker: the runtime needs importScripts.
 *
 * Messages in: {call, type: "open", backend, file, model}, then {call, type: "translate", image}.
 * Messages out: {call, answer} or {call, error}, and {progress} while the runtime is loaded.
 */

const RUNTIME = new URL("runtime/", self.location.href).href;

let loaded;

self.onmessage = async ({ data }) => {
  try {
    const answer = data.type === "open" ? await open(data) : await translate(data.image);
    self.postMessage({ call: data.call, answer });
  } catch (error) {
    self.postMessage({ call: data.call, error: sentence(error) });
  }
};

async function open({ backend, file, model }) {
  const [litert, picture] = await Promise.all([import("./runtime/litert.js"), import("./picture.js")]);
  const build = await chooseBuild(litert, backend);
  // What the loader of the wasm finds its files by; it would look beside this script.
  self.Module = {
    locateFile: (name) => RUNTIME + name,
    mainScriptUrlOrBlob: `${RUNTIME}${build}.js`,
    wasmBinary: await fetchRuntime(`${build}.wasm`),
    // It writes its notes where errors belong.
    printErr: (text) => (/^(INFO|WARNING|VERBOSE):/.test(text) ? console.debug(text) : console.error(text)),
  };
  await litert.loadLiteRt(RUNTIME, { threads: backend === "threads" });
  const accelerator = backend === "webgpu" ? "webgpu" : "wasm";
  // A GPU's 16-bit floats end at 65504, which a norm's sum over 256×256 pixels may exceed.
  const compiled = await litert.loadAndCompile(file, { accelerator, gpuOptions: { precision: "fp32" } });
  if (backend === "webgpu" && !compiled.isFullyAccelerated) throw new Error("WebGPU lacks some of its operations.");
  loaded = { litert, picture, compiled, model };
  // The first run allocates memory, and finds out whether the device computes at all.
  await run(new Float32Array(model.image_size[0] * model.image_size[1] * model.source_channels));
  return { backend: backendName(litert, backend) };
}

async function chooseBuild(litert, backend) {
  if (!(await litert.supportsFeature("relaxedSimd"))) {
    if (backend === "threads") throw new Error("This browser has no threads with vector instructions.");
    return "litert_wasm_compat_internal";
  }
  return backend === "threads" ? "litert_wasm_threaded_internal" : "litert_wasm_internal";
}

function backendName(litert, backend) {
  if (backend === "webgpu") return "WebGPU";
  const threads = litert.getGlobalLiteRt().liteRtWasm.getThreadCount();
  return backend === "threads" ? `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}` : "wasm";
}

async function fetchRuntime(name) {
  const about = await (await fetched("runtime.json")).json();
  const total = about.bytes[name];
  const response = await fetched(name);
  const bytes = new Uint8Array(total);
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, length);
    length += value.length;
    self.postMessage({ progress: { loaded: length, total } });
  }
  if (length !== total) throw new Error(`runtime/${name} is damaged.`);
  return bytes;
}

async function fetched(name) {
  const response = await fetch(RUNTIME + name);
  if (!response.ok) throw new Error(`runtime/${name} could not be loaded, the server answered ${response.status}.`);
  return response;
}

async function translate(image) {
  const { picture, model } = loaded;
  const start = performance.now();
  const values = await run(picture.toTensor(image, model.source_channels));
  const result = picture.toImage(values, model.image_size, model.target_channels);
  return { image: result, milliseconds: performance.now() - start };
}

async function run(values) {
  const { litert, compiled, model } = loaded;
  const source = new litert.Tensor(values, [1, ...model.image_size, model.source_channels]);
  try {
    const [result] = Object.values(await compiled.run(source));
    const generated = await result.data();
    result.delete();
    return generated;
  } finally {
    source.delete();
  }
}

function sentence(error) {
  const text = String(error?.message ?? error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
