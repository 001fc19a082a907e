/** Translates pictures by a server that answers as TensorFlow Serving's REST interface does. */

/** The signature of models that export.saved_model writes, and its input. */
const SIGNATURE = "serving_default";
const TENSOR = "image_bytes";

/**
 * @param {object} model its entry in models.json, with the url of its predict
 * @returns {Promise<import("./engine.js").Engine>}
 */
export async function openServer(model) {
  const url = new URL(model.url, document.baseURI);
  return { backend: "server", translate: (image) => translate(url, model, image), close: () => {} };
}

async function translate(url, model, image) {
  const start = performance.now();
  const instances = [{ [TENSOR]: { b64: await toPng(image) } }];
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ signature_name: SIGNATURE, instances }),
    });
  } catch {
    throw new Error(`The server at ${url.host} cannot be reached. Is it still running?`);
  }
  const answer = await response.json().catch(() => ({}));
  const encoded = answer.predictions?.[0]?.b64;
  if (!response.ok || !encoded) {
    const why = answer.error ? String(answer.error).slice(0, 300) : `it answered ${response.status}`;
    throw new Error(`The server at ${url.host} did not translate the picture: ${why}`);
  }
  return { image: await fromPng(encoded, model.image_size), milliseconds: performance.now() - start };
}

async function toPng(image) {
  const canvas = canvasOf(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const address = canvas.toDataURL("image/png");
  return address.slice(address.indexOf(",") + 1);
}

async function fromPng(encoded, [height, width]) {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
  const context = canvasOf(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}
