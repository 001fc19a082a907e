/** Shows the link of a drawing, to copy or to hand on. */

/**
 * Prepares the dialog's buttons.
 * @param {HTMLDialogElement} dialog
 * @returns {(link: string) => void} opens it
 */
export function linkDialog(dialog) {
  const field = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
  const copy = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-copy]"));
  const hand = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-hand]"));
  hand.hidden = !navigator.share;
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Press Ctrl+C";
      field.focus();
    }
  });
  hand.addEventListener("click", () => navigator.share({ url: field.value }).catch(() => {}));
  return (link) => {
    field.value = link;
    copy.textContent = "Copy";
    dialog.showModal();
    field.select();
  };
}
