/** The keys, and the list of them. */

/** @typedef {{key: string, words: string, action: () => unknown, control?: boolean, shift?: boolean}} Shortcut */

/**
 * Listens for keys and lists them.
 * @param {Shortcut[]} shortcuts those without `control` are single keys, which may be turned off
 * @param {HTMLElement} list a `<dl>`
 * @param {HTMLInputElement} singleKeys
 */
export function listen(shortcuts, list, singleKeys) {
  list.prepend(...shortcuts.filter(({ words }) => words).flatMap(lines));
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.altKey || document.querySelector("dialog[open]")) return;
    const control = event.ctrlKey || event.metaKey;
    if (!control && !singleKeys.checked) return;
    const key = event.key.toLowerCase();
    const found = shortcuts.find(
      (each) =>
        each.key === key && Boolean(each.control) === control && (!control || Boolean(each.shift) === event.shiftKey),
    );
    if (!found) return;
    event.preventDefault();
    found.action();
  });
}

/** @param {Shortcut} shortcut */
function lines({ key, words, control, shift }) {
  const term = document.createElement("dt");
  for (const part of [control && "Ctrl", shift && "Shift", key.length === 1 ? key.toUpperCase() : key]) {
    if (!part) continue;
    const cap = document.createElement("kbd");
    cap.textContent = part === "delete" ? "Delete" : part;
    term.append(cap);
  }
  const meaning = document.createElement("dd");
  meaning.textContent = words;
  return [term, meaning];
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox], [type=range]), select, textarea");
}
