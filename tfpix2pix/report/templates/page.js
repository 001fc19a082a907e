"use strict";

// Before the first line of the page is drawn, so that it is drawn once.
const root = document.documentElement;
root.dataset.script = "";
try {
  // Some browsers refuse it to pages from the disk.
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
} catch {}

document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  themes(byId("theme"));
  browse(byId("all"), byId);
  lightbox(byId("box"), byId);
});

function themes(button) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const other = () => ((root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark");
  const label = () => (button.textContent = `${other()} theme`);
  button.addEventListener("click", () => {
    root.dataset.theme = other();
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {}
    label();
  });
  dark.addEventListener("change", label);
  label();
}

function browse(place, byId) {
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  const cards = Array.from(place.children, (element, index) => ({
    element,
    index,
    name: element.querySelector(".open").textContent,
    values: new Map(
      Array.from(element.querySelectorAll(".values div"), (pair) => [
        pair.querySelector("dt").textContent,
        toNumber(pair.querySelector("data").value),
      ]),
    ),
  }));
  const metrics = new Set(cards.flatMap((card) => [...card.values.keys()]));
  const sort = byId("sort");
  for (const metric of metrics) sort.add(new Option(metric, `value ${metric}`));

  const filter = () => {
    const part = byId("filter").value.trim().toLowerCase();
    let shown = 0;
    for (const { element, name } of cards) {
      element.hidden = !name.toLowerCase().includes(part);
      shown += !element.hidden;
    }
    byId("count").textContent = shown === cards.length ? shown : `${shown} of ${cards.length}`;
    byId("none").hidden = shown > 0;
  };
  const order = () => {
    const sign = byId("order").ariaPressed === "true" ? -1 : 1;
    const key = sort.value;
    const metric = key.slice("value ".length);
    const byKey = {
      "": (a, b) => sign * (a.index - b.index),
      name: (a, b) => sign * compare(a.name, b.name),
    };
    const byValue = (a, b) => {
      const [x, y] = [a.values.get(metric) ?? NaN, b.values.get(metric) ?? NaN];
      // What is no number comes last in both orders. Two infinities are equal, though their difference is not 0.
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
      return x === y ? 0 : sign * (x < y ? -1 : 1);
    };
    place.append(...[...cards].sort(byKey[key] ?? byValue).map((card) => card.element));
  };
  byId("filter").addEventListener("input", filter);
  sort.addEventListener("change", order);
  byId("order").addEventListener("click", ({ currentTarget: button }) => {
    button.ariaPressed = button.ariaPressed !== "true";
    button.textContent = button.ariaPressed === "true" ? "↓" : "↑";
    order();
  });
  // A browser that goes back to a page fills its fields in again.
  filter();
  order();
}

function toNumber(text) {
  return { inf: Infinity, "-inf": -Infinity, nan: NaN }[text] ?? Number(text);
}

function lightbox(box, byId) {
  let card = null;
  // The cell that is shown alone, so that going from image to image keeps to it; -1 is all.
  let alone = -1;

  const neighbours = () => Array.from(card.parentElement.children).filter((other) => !other.hidden);
  const choose = (index) => {
    const cells = box.querySelector(".cells");
    if (index >= cells.children.length) return;
    alone = index;
    cells.classList.toggle("alone", alone >= 0);
    Array.from(cells.children).forEach((cell, i) => cell.classList.toggle("chosen", i === alone));
  };
  const show = (other) => {
    card = other;
    const all = neighbours();
    byId("box-name").replaceChildren(card.querySelector("bdi").cloneNode(true));
    byId("place").textContent = `${all.indexOf(card) + 1} / ${all.length}`;
    byId("box-body").replaceChildren(
      card.querySelector(".values").cloneNode(true),
      card.querySelector(".cells").cloneNode(true),
    );
    choose(alone);
  };
  const go = (steps) => {
    const all = neighbours();
    show(all[(all.indexOf(card) + steps + all.length) % all.length]);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".open");
    // With a modifier it is the browser's: a new tab, at this image.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    alone = -1;
    show(link.closest(".card"));
    box.showModal();
  });
  box.addEventListener("close", () => {
    const link = card.querySelector(".open");
    link.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
    byId("box-body").replaceChildren();
  });
  box.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) choose(alone >= 0 ? -1 : Array.from(cell.parentElement.children).indexOf(cell));
  });
  byId("previous").addEventListener("click", () => go(-1));
  byId("next").addEventListener("click", () => go(1));
  byId("close").addEventListener("click", () => box.close());
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    else if (/^[0-9]$/.test(event.key)) choose(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });
}
