/** Shows the first model's first source, translated. */

import { openEngine } from "./engine.js";
import { fit } from "./picture.js";

const status = document.getElementById("status");

async function show() {
  const [model] = await (await fetch("models.json")).json();
  const engine = await openEngine(model, {
    onProgress: ({ loaded, total }) => {
      status.textContent = `Loading, ${Math.round((100 * loaded) / total)} %`;
    },
  });
  const canvas = document.getElementById("result");
  const context = canvas.getContext("2d");
  const bitmap = await createImageBitmap(await (await fetch(model.sources[0])).blob());
  [canvas.height, canvas.width] = [bitmap.height, bitmap.width];
  context.drawImage(bitmap, 0, 0);
  const source = fit(context.getImageData(0, 0, bitmap.width, bitmap.height), model.image_size, model.resize_method);
  const { image, milliseconds } = await engine.translate(source);
  context.putImageData(image, 0, 0);
  status.textContent = `${model.title}: ${engine.backend}, ${milliseconds.toFixed(1)} ms`;
}

show().catch((error) => {
  status.textContent = error.message;
});
