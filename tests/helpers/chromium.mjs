// Runs scripts in Chromium: reads lines {code, values} from standard input, answers each with {result} or {error}.
//   node tests/helpers/chromium.mjs /usr/bin/chromium
// A script is the body of an async function of `page` (Playwright's), `values` and `axe` (the source of axe-core).

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const AsyncFunction = (async () => {}).constructor;
// A sandbox of its own needs more rights than a container has.
const [executablePath, ...args] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });

async function run({ code, values, options }) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const requests = [];
  const errors = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  try {
    const result = await new AsyncFunction("page", "values", "axe", code)(page, values, axe);
    return { result: result ?? null, requests, errors };
  } catch (error) {
    return { error: String(error.stack ?? error), requests, errors };
  } finally {
    await context.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line))));
}
await browser.close();
