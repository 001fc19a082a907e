"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  sortAndFilter(byId);
  enlarge(byId);
});

function sortAndFilter(byId) {
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  const cards = Array.from(byId("all").children, (element, index) => ({
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
  for (const metric of metrics) byId("sort").add(new Option(metric, `value ${metric}`));

  const filter = () => {
    const part = byId("filter").value.trim().toLowerCase();
    for (const { element, name } of cards) element.hidden = !name.toLowerCase().includes(part);
    const shown = cards.filter(({ element }) => !element.hidden).length;
    byId("count").textContent = shown === cards.length ? shown : `${shown} of ${cards.length}`;
    byId("none").hidden = shown > 0;
  };
  const sort = () => {
    const sign = byId("descending").checked ? -1 : 1;
    const key = byId("sort").value;
    const metric = key.slice("value ".length);
    const byValue = (a, b) => {
      const [x, y] = [a.values.get(metric) ?? NaN, b.values.get(metric) ?? NaN];
      // NaN comes last in both orders. Two infinities are equal, though their difference is not 0.
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
      return x === y ? 0 : sign * (x < y ? -1 : 1);
    };
    const order = {
      "": (a, b) => sign * (a.index - b.index),
      name: (a, b) => sign * compare(a.name, b.name),
    };
    byId("all").append(...[...cards].sort(order[key] ?? byValue).map((card) => card.element));
  };
  byId("filter").addEventListener("input", filter);
  byId("sort").addEventListener("change", sort);
  byId("descending").addEventListener("change", sort);
  byId("tools").hidden = false;
  // A browser that goes back to a page fills its fields in again.
  filter();
  sort();
}

function toNumber(text) {
  return { inf: Infinity, "-inf": -Infinity, nan: NaN }[text] ?? Number(text);
}

function enlarge(byId) {
  const box = byId("box");
  let card = null;
  const show = (other) => {
    card = other;
    byId("shown").replaceChildren(...Array.from(card.children, (child) => child.cloneNode(true)));
  };
  const step = (steps) => {
    const cards = Array.from(card.parentElement.children).filter((other) => !other.hidden);
    show(cards[(cards.indexOf(card) + steps + cards.length) % cards.length]);
  };
  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest(".open");
    // With a modifier it is the browser's click: a new tab at this image.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.closest(".card"));
    box.showModal();
  });
  box.addEventListener("click", (event) => {
    if (event.target.closest(".open")) event.preventDefault();
  });
  box.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  box.addEventListener("close", () => card.scrollIntoView({ block: "nearest" }));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => box.close());
}
