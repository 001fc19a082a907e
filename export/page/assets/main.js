/** The page: a drawing, what the network makes of it, and how the two come together. */

import { Easel } from "./drawing/easel.js";
import { keysOf } from "./drawing/keys.js";
import { pack, split, unpack } from "./drawing/link.js";
import { Palette } from "./drawing/palette.js";
import { Tools } from "./drawing/tools.js";
import { openEngine } from "./engine.js";
import { readModels, Subject, wordsOf } from "./models.js";
import { takePictures } from "./opening/offers.js";
import { readPicture } from "./opening/picture-file.js";
import { listSources } from "./opening/sources.js";
import { Webcam } from "./opening/webcam.js";
import { Comparison } from "./showing/comparison.js";
import { button, canvas, find } from "./showing/elements.js";
import { linkDialog } from "./showing/link-dialog.js";
import { savePng } from "./showing/saving.js";
import { listen } from "./showing/shortcuts.js";
import { calm, complain, giveUp, hideProgress, say, showProgress } from "./showing/status.js";
import { Translations } from "./showing/translations.js";

const QUICK = 80; // milliseconds: a network this fast translates while one draws

const chooser = find("model", HTMLSelectElement);
const tools = new Tools(
  find("tools", HTMLElement),
  find("size", HTMLInputElement),
  find("size-words", HTMLOutputElement),
);
const easel = new Easel(
  canvas("drawing"),
  find("nib", HTMLElement),
  () => ({ tool: tools.tool, size: tools.size, color: palette.color }),
  (color) => palette.pick(color),
);
const frame = find("result-frame", HTMLElement);
const comparison = new Comparison(
  frame,
  canvas("compared"),
  find("split", HTMLInputElement),
  button("compare"),
  button("compare-original"),
);
const webcam = new Webcam();
const showLink = linkDialog(find("link", HTMLDialogElement));
/** @type {import("./models.js").Model[]} */
let models = [];
const subjects = /** @type {Map<string, Subject>} */ (new Map());
/** @type {Subject} */
let subject;
/** @type {Palette} */
let palette;
let translations = /** @type {Translations | null} */ (null);
let opened = 0; // how many engines were asked for: only the last one is used

/** Runs what may fail, and says why it did. @param {() => unknown} action */
async function attempt(action) {
  calm();
  try {
    await action();
  } catch (error) {
    complain(error);
  }
}

/** Translates the drawing as it will be when its turn comes. */
async function translate() {
  const [{ drawing }, used] = [subject, translations];
  if (!used) return;
  frame.ariaBusy = "true";
  await used.request(() => new ImageData(drawing.image.data.slice(), drawing.image.width));
  if (used === translations) frame.ariaBusy = "false";
}

const compare = () => comparison.show(subject.drawing.image, subject.drawing.original);

/** Follows a change of the drawing. */
function follow() {
  const { drawing } = subject;
  easel.paint();
  compare();
  button("undo").disabled = !drawing.canUndo;
  button("redo").disabled = !drawing.canRedo;
  if (!drawing.isStroke || (translations && translations.milliseconds < QUICK)) translate();
}

/** @param {import("./showing/translations.js").Result} result */
function showResult({ image, milliseconds }) {
  subject.result = image;
  const shown = canvas("result");
  [shown.width, shown.height] = [image.width, image.height];
  shown.getContext("2d")?.putImageData(image, 0, 0);
  const rate = webcam.isOn ? ` · ${webcam.rate.toFixed(1)} frames a second` : "";
  find("speed", HTMLElement).textContent = `${translations?.engine.backend} · ${milliseconds.toFixed(0)} ms${rate}`;
  for (const id of ["save-result", "compare"]) button(id).disabled = false;
}

/**
 * Loads the model's network and translates the drawing.
 * @param {Promise<void>} [opening] of the drawing's first picture
 */
async function openNetwork(opening) {
  const [{ model }, turn] = [subject, ++opened];
  translations?.close();
  translations = null;
  frame.ariaBusy = "true";
  find("speed", HTMLElement).textContent = "";
  showProgress(model.title, 0, model.bytes);
  try {
    const onProgress = (/** @type {{loaded: number, total: number}} */ now) =>
      turn === opened && showProgress(model.title, now.loaded, now.total);
    const [engine] = await Promise.all([openEngine(model, { onProgress }), opening]);
    if (turn !== opened) return engine.close();
    translations = new Translations(engine, showResult, complain);
    await translate();
    hideProgress();
    say(`The model ${model.name} is ready.`);
  } catch (error) {
    if (turn !== opened) return;
    frame.ariaBusy = "false";
    giveUp(error);
  }
}

/** Shows a model. @param {import("./models.js").Model} model */
function choose(model) {
  stopWebcam();
  subject?.drawing.removeEventListener("change", follow);
  const known = subjects.get(model.name);
  subject = known ?? new Subject(model);
  subjects.set(model.name, subject);
  const { drawing } = subject;
  const [height, width] = model.image_size;
  document.documentElement.style.setProperty("--aspect", String(width / height));
  chooser.value = model.name;
  palette = new Palette(find("palette", HTMLElement), model.palette, model.background);
  tools.fitTo(Math.min(height, width));
  listSources(find("sources", HTMLElement), model.sources, (number) => attempt(() => openSource(number)));
  for (const id of ["save-result", "compare"]) button(id).disabled = true;
  canvas("result").width = width; // which empties it
  const step = model.step.toLocaleString("en");
  find("about", HTMLElement).textContent = `${width}×${height} pixels · step ${step} · ${model.precision}`;
  find("privacy", HTMLElement).textContent =
    model.engine === "rest" ? "Drawings go to the server of this page." : "What you draw stays in this browser.";
  easel.show(drawing);
  drawing.addEventListener("change", follow);
  palette.suggest(drawing.words);
  follow();
  // When it is chosen again, the drawing is as it was left.
  openNetwork(known || !model.sources.length ? undefined : attempt(() => openSource(1, false)));
}

/** @param {number} number @param {boolean} [isKept] */
async function openSource(number, isKept = true) {
  stopWebcam();
  const { drawing } = subject;
  const [picture, words] = [await subject.source(number), await subject.base(number)];
  if (!isKept && drawing === subject.drawing) palette.suggest(words);
  if (isKept || !drawing.canUndo) drawing.open(words, { base: number, original: picture, isKept });
}

/** @param {Blob | null} file */
async function openFile(file) {
  if (!file) throw new Error("There is no picture in what was given. Take a PNG, JPEG or WebP file.");
  stopWebcam();
  const picture = await readPicture(file);
  subject.drawing.open(wordsOf(subject.fitted(picture)), { original: picture });
  say(`A picture of ${picture.width}×${picture.height} pixels is open.`);
}

async function startWebcam() {
  if (webcam.isOn) return stopWebcam();
  const { drawing } = subject;
  const { width, height } = drawing.image;
  await webcam.start();
  button("webcam").setAttribute("aria-pressed", "true");
  let isKept = true;
  while (webcam.isOn && subject.drawing === drawing) {
    drawing.open(wordsOf(webcam.frame(width, height)), { isKept });
    isKept = false;
    await Promise.all([translations?.settled, new Promise(requestAnimationFrame)]);
  }
}

function stopWebcam() {
  webcam.stop();
  button("webcam").setAttribute("aria-pressed", "false");
}

/** Opens the drawing that the address holds. */
async function openLink() {
  const link = split(location.hash);
  if (!link) return;
  const found = models.find(({ name }) => name === link.name);
  if (!found) throw new Error(`The link asks for the model “${link.name}”, which this page does not have.`);
  if (found !== subject.model) choose(found);
  if (!link.content) return;
  const { model, drawing } = subject;
  const { words, base } = await unpack(link.content, ...model.image_size, (number) => subject.base(number));
  drawing.open(words, { base, original: base ? await subject.source(base) : null });
}

async function share() {
  const fragment = await pack(subject.drawing, subject.model.name, (number) => subject.base(number));
  history.replaceState(null, "", fragment);
  showLink(location.href);
}

const act = {
  undo: () => subject.drawing.undo(),
  redo: () => subject.drawing.redo(),
  clear: () => subject.drawing.clear(),
  "save-drawing": () => savePng(subject.drawing.image, `${subject.model.name}-drawing.png`),
  "save-result": () => subject.result && savePng(subject.result, `${subject.model.name}-result.png`),
  share,
  compare: () => {
    if (subject.result) comparison.toggle();
    compare();
  },
  choose: () => find("file", HTMLInputElement).click(),
  webcam: startWebcam,
  again: () => (subject ? openNetwork() : location.reload()),
  keys: () => find("shortcuts", HTMLDialogElement).showModal(),
  dismiss: calm,
};

async function start() {
  document.getElementById("boot")?.remove();
  listen(
    keysOf(tools, (at) => palette.choose(at), act),
    find("keys-list", HTMLElement),
    find("single-keys", HTMLInputElement),
  );
  for (const [id, action] of Object.entries(act)) button(id).addEventListener("click", () => attempt(action));
  button("compare-original").addEventListener("change", compare);
  models = await readModels();
  chooser.replaceChildren(
    ...models.map(({ name, title }) => new Option(title === name ? name : `${name}: ${title}`, name)),
  );
  choose(models.find(({ name }) => name === split(location.hash)?.name) ?? models[0]);
  chooser.addEventListener("change", () => {
    history.replaceState(null, "", location.pathname);
    choose(/** @type {import("./models.js").Model} */ (models.find(({ name }) => name === chooser.value)));
  });
  takePictures(find("file", HTMLInputElement), (file) => attempt(() => openFile(file)));
  addEventListener("hashchange", () => attempt(openLink));
  addEventListener("pagehide", stopWebcam);
  document.addEventListener("visibilitychange", () => document.hidden && stopWebcam());
  await attempt(openLink);
}

start().catch(giveUp);
