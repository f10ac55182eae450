/**
 * Fails when the scripts that Home loads at first are larger than their budget. What they are is
 * read from the build's own manifest: the entry, what it imports, and what Home asks for at once.
 */
import { readFile, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const BUDGET = 250_000;
const DIST = new URL("../dist/", import.meta.url);
/** Loaded by Home without a click: its chart and the connection for events. */
const AT_ONCE = [/src\/charts\/equity-chart\.tsx$/, /centrifuge/];

const manifest = JSON.parse(await readFile(new URL(".vite/manifest.json", DIST), "utf8"));
const wanted = new Set();
const take = (key) => {
  if (wanted.has(key)) return;
  wanted.add(key);
  for (const next of manifest[key].imports ?? []) take(next);
};
for (const [key, chunk] of Object.entries(manifest)) {
  if (chunk.isEntry || AT_ONCE.some((pattern) => pattern.test(key))) take(key);
}
let total = 0;
for (const key of wanted) {
  const { file } = manifest[key];
  if (!file.endsWith(".js")) continue;
  total += gzipSync(await readFile(new URL(file, DIST))).length;
}
const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;
console.log(`Home's first script: ${kilobytes(total)} gzip of ${kilobytes(BUDGET)}`);
for (const pattern of AT_ONCE) {
  if (![...wanted].some((key) => pattern.test(key))) {
    console.error(`nothing in the build matches ${pattern}: this list is out of date`);
    process.exitCode = 1;
  }
}
if (total > BUDGET) {
  console.error(`over the budget by ${kilobytes(total - BUDGET)}`);
  process.exitCode = 1;
}
// The list of files is nothing that the page needs.
await rm(new URL(".vite", DIST), { recursive: true });
