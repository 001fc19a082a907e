/** The pictures of this site that one may start from. */

/**
 * Fills a list with a button for each.
 * @param {HTMLElement} list
 * @param {string[]} addresses
 * @param {(number: number) => void} onChoice takes the number of a source, from 1
 */
export function listSources(list, addresses, onChoice) {
  list.replaceChildren(
    ...addresses.map((address, at) => {
      const picture = document.createElement("img");
      picture.src = address;
      picture.alt = `Example ${at + 1}`;
      picture.loading = "lazy";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "source";
      button.append(picture);
      button.addEventListener("click", () => onChoice(at + 1));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}
