/** Which key does what. */

import { TOOLS } from "./tools.js";

/**
 * Lists the keys, in the order in which people see them.
 * @param {import("./tools.js").Tools} tools
 * @param {(at: number) => void} chooseColor takes a place in the palette
 * @param {{[name: string]: () => unknown}} act what the buttons do, by their ids
 * @returns {import("../showing/shortcuts.js").Shortcut[]}
 */
export function keysOf(tools, chooseColor, act) {
  return [
    ...TOOLS.map((tool) => ({ key: tool[0], words: tool, action: () => tools.choose(tool) })),
    { key: "[", words: "thinner pen", action: () => tools.widen(-1) },
    { key: "]", words: "thicker pen", action: () => tools.widen(1) },
    ...[...Array(9).keys()].map((at) => ({
      key: String(at + 1),
      words: at ? "" : "first color; the others up to 9 likewise",
      action: () => chooseColor(at),
    })),
    { key: "c", words: "compare with a slider", action: act.compare },
    { key: "delete", words: "empty the drawing", action: act.clear },
    { key: "?", words: "this list", action: act.keys },
    { key: "z", words: "undo", control: true, action: act.undo },
    { key: "z", words: "redo", control: true, shift: true, action: act.redo },
    { key: "y", words: "", control: true, action: act.redo },
    { key: "s", words: "save the result", control: true, action: act["save-result"] },
  ];
}
