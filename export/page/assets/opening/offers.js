/** Takes pictures that a person drops, pastes or chooses. */

/**
 * Listens to the whole page.
 * @param {HTMLInputElement} input that chooses files
 * @param {(file: File | null) => void} open
 */
export function takePictures(input, open) {
  input.addEventListener("change", () => {
    if (input.files?.length) open(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (file) open(file);
  });
  let depth = 0; // elements that a dragged file is over
  const over = (/** @type {number} */ now) => {
    depth = Math.max(0, now);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", () => over(depth + 1));
  document.addEventListener("dragleave", () => over(depth - 1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    open(pictureIn(event.dataTransfer));
  });
}

/**
 * Finds the picture in what was dropped or pasted.
 * @param {DataTransfer | null} transfer
 * @returns {File | null}
 */
function pictureIn(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}
