/**
 * Frames a second of the session page, at 100 updates a second and 10,000 candles, against the
 * stand-in of the services (`npm run build` first). Prints what a frame's time goes into.
 *   npm run frames            UPDATES=100 CANDLES=10000 SECONDS=10 by default
 * Without a graphics card a browser paints in software: what the page's own scripts take of each
 * second is the figure to compare.
 */
import { openBrowser } from "./browser.mjs";
import { startMock } from "../mock/server.mjs";

const number = (name, fallback) => Number(process.env[name] ?? fallback);
const updates = number("UPDATES", 100);
const candles = number("CANDLES", 10_000);
const seconds = number("SECONDS", 10);
const CATEGORIES = ["devtools.timeline", "disabled-by-default-v8.cpu_profiler"];
/** Functions that are named, by the time spent in themselves; 0 for none. Build without minifying
 *  (`npx vite build --minify false --outDir DIR`, then MOCK_DIST=DIR) to know them. */
const FUNCTIONS = number("FUNCTIONS", 0);
/** The kinds of work of the main thread, by the names that Chromium's traces give them. */
const KINDS = {
  scripts: ["FunctionCall", "EvaluateScript", "FireAnimationFrame", "TimerFire", "EventDispatch"],
  style: ["UpdateLayoutTree", "ParseAuthorStyleSheet"],
  layout: ["Layout", "PrePaint"],
  paint: ["Paint", "Layerize", "Commit"],
  garbage: ["MinorGC", "MajorGC", "V8.GC_MC_INCREMENTAL"],
};

/** Candles for as many seconds as are wanted: the page reads them as 1 s bars. */
const mock = await startMock(0, { seconds: candles, updates });
const browser = await openBrowser({ viewport: { width: 1440, height: 900 } });

try {
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  await page.goto(mock.url);
  await page.getByTestId("session-card").last().click();
  await page.locator(".chart canvas").first().waitFor();
  await page.getByRole("button", { name: "1s", exact: true }).click();
  await page.waitForTimeout(3_000);
  const session = await browser.context.newCDPSession(page);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: CATEGORIES },
  });
  const frames = await page.evaluate(async (length) => {
    const times = [];
    const end = performance.now() + length * 1000;
    await new Promise((resolve) => {
      const step = (now) => {
        times.push(now);
        if (now < end) requestAnimationFrame(step);
        else resolve();
      };
      requestAnimationFrame(step);
    });
    return times;
  }, seconds);
  await session.send("Tracing.end");
  await complete;
  report(frames, events);
} finally {
  await browser.close();
  mock.close();
}

function report(frames, events) {
  const gaps = frames
    .slice(1)
    .map((time, index) => time - frames[index])
    .sort((a, b) => a - b);
  const at = (part) => gaps[Math.floor((gaps.length - 1) * part)];
  const length = (frames.at(-1) - frames[0]) / 1000;
  const main = mainThread(events);
  const line = (text) => process.stdout.write(`${text}\n`);
  line(`${updates} updates/s of each market, ${candles} candles, ${seconds} s`);
  line(`frames a second: ${(gaps.length / length).toFixed(1)}`);
  line(`a frame: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`);
  for (const [kind, names] of Object.entries(KINDS)) {
    const spent = busy(main.filter(({ name }) => names.includes(name)));
    line(`${kind}: ${(spent / 1000 / length).toFixed(1)} ms of each second`);
  }
  for (const text of hottest(events).slice(0, FUNCTIONS)) line(text);
}

/** The thread with the most scripts: the page's. */
function mainThread(events) {
  const threads = new Map();
  for (const event of events) {
    if (event.ph !== "X") continue;
    const key = `${event.pid}:${event.tid}`;
    const list = threads.get(key) ?? [];
    list.push(event);
    threads.set(key, list);
  }
  const scripts = (list) => list.filter(({ name }) => name === "FireAnimationFrame").length;
  return [...threads.values()].sort((a, b) => scripts(b) - scripts(a))[0] ?? [];
}

/** The functions in which the page's scripts spend their time, with the samples in each. */
function hottest(events) {
  const profiles = new Map();
  for (const { name, id, pid, args } of events) {
    const data = args?.data;
    if (name !== "ProfileChunk" || !data?.cpuProfile) continue;
    const key = `${pid}:${id}`;
    const profile = profiles.get(key) ?? { nodes: new Map(), samples: [] };
    for (const node of data.cpuProfile.nodes ?? []) profile.nodes.set(node.id, node.callFrame);
    profile.samples.push(...(data.cpuProfile.samples ?? []));
    profiles.set(key, profile);
  }
  const busiest = [...profiles.values()].sort((a, b) => b.nodes.size - a.nodes.size)[0];
  const counts = new Map();
  for (const sample of busiest?.samples ?? []) {
    const frame = busiest.nodes.get(sample);
    const name = `${frame?.functionName || "(anonymous)"} ${frame?.url?.split("/").at(-1) ?? ""}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const total = busiest?.samples.length ?? 1;
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${((100 * count) / total).toFixed(1)}% ${name}`);
}

/** Microseconds in which at least one of the events ran: calls within calls count once. */
function busy(events) {
  let total = 0;
  let end = 0;
  for (const { ts, dur = 0 } of [...events].sort((a, b) => a.ts - b.ts)) {
    const from = Math.max(ts, end);
    if (ts + dur > from) {
      total += ts + dur - from;
      end = ts + dur;
    }
  }
  return total;
}
