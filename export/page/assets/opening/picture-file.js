/** Reads a picture that a person drops, pastes or chooses. */

const MAX_SIDE = 4096; // pixels; larger pictures are made smaller by the browser first

/**
 * Reads a picture file, upright.
 * @param {Blob} file
 * @returns {Promise<ImageData>} in its own size, on white where it is transparent
 */
export async function readPicture(file) {
  const name = file instanceof File && file.name ? `“${file.name}”` : "This";
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} is not a picture that this browser can read. Take a PNG, JPEG or WebP file.`);
  }
  const share = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const image = pixelsOf(bitmap, Math.max(1, bitmap.width * share), Math.max(1, bitmap.height * share));
  bitmap.close();
  return image;
}

/**
 * Reads a picture of this site.
 * @param {string} address
 */
export async function fetchPicture(address) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Error(`The picture ${address} is missing: copy the whole folder of this page.`);
  return readPicture(await response.blob());
}

/**
 * Returns the pixels of what a canvas can draw.
 * @param {CanvasImageSource} drawable
 * @param {number} width @param {number} height to draw it in
 * @param {{x: number, y: number, width: number, height: number}} [part] of it
 */
export function pixelsOf(drawable, width, height, part) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  if (part) context.drawImage(drawable, part.x, part.y, part.width, part.height, 0, 0, canvas.width, canvas.height);
  else context.drawImage(drawable, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
