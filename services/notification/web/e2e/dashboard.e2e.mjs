/**
 * The dashboard in a real Chromium against a running `algotrade up`.
 *   BASE_URL=http://127.0.0.1:8080 SCREENSHOT_DIR=/tmp/shots npm run e2e
 * BASE_URL=mock starts the development server's stand-in instead. Without BASE_URL it fails.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser } from "./browser.mjs";

const LAPTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
/** `up` is busy on a small machine just after its start; a trade may take a while there. */
const PATIENCE = 120_000;
const shots = process.env.SCREENSHOT_DIR;
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let base;
let mock;
let browser;
let page;
/** What the console complained of; a refused request that a test provokes is taken out by it. */
const complaints = [];
let expected = () => false;

before(async () => {
  const wanted = process.env.BASE_URL;
  assert.ok(wanted, "BASE_URL must be the address of a running `algotrade up` (or: mock)");
  if (wanted === "mock") {
    const { startMock } = await import("../mock/server.mjs");
    mock = await startMock();
  }
  base = mock?.url ?? wanted.replace(/\/$/, "");
  if (shots) await mkdir(shots, { recursive: true });
  // The axe script is put into the page by the test, which the page's own policy would refuse.
  browser = await openBrowser({ viewport: LAPTOP, colorScheme: "light" });
  page = browser.context.pages()[0] ?? (await browser.context.newPage());
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => {
    const text = `${message.text()} ${message.location().url}`;
    if (message.type() === "error" && !expected(text)) complaints.push(text);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
});

after(async () => {
  await browser?.close();
  mock?.close();
});

async function shoot(name, options = {}) {
  if (!shots) return;
  // Charts draw in the next frames, and a fading colour is no picture of a page.
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(shots, `${name}.png`), ...options });
}

const rows = () => page.locator('[data-testid="trades"] tbody tr[data-sequence]');

async function sequences() {
  return rows().evaluateAll((found) => found.map((row) => Number(row.dataset.sequence)));
}

async function noOverflow(where) {
  const excess = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(excess <= 0, `${where}: the page is ${excess} px wider than its window`);
}

/** Colours that fade into those of the other scheme are nobody's contrast: waits until none does. */
async function settled() {
  const still = () =>
    !document
      .getAnimations()
      .some((one) => one instanceof CSSTransition && one.playState === "running");
  // What moves with the market may never rest, and is judged as it is.
  await page.waitForFunction(still, null, { timeout: 3_000 }).catch(() => {});
}

/** Serious findings of axe, evaluated outside of the page's own scripts. */
async function accessible(where) {
  await settled();
  const session = await browser.context.newCDPSession(page);
  const { readFile } = await import("node:fs/promises");
  await session.send("Runtime.evaluate", { expression: await readFile(axe, "utf8") });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run().then(({ violations }) => JSON.stringify(violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).slice(0, 3).join(" | "))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  assert.deepEqual(JSON.parse(result.value), [], `${where}: accessibility`);
}

test("home shows the running session and says that the market is simulated", async () => {
  await page.goto(base);
  await page.getByTestId("session-card").first().waitFor();
  await page.getByTestId("simulated-banner").waitFor();
  await page.getByTestId("connection").getByText("Live").waitFor();
  await page.locator(".market-card .live-price").first().waitFor();
  await accessible("home");
  await shoot("home-laptop-light");
});

test("a new trade appears on the session's page without a reload", async () => {
  await page.getByTestId("session-card").last().click();
  await rows().first().waitFor();
  const known = await sequences();
  await page.waitForFunction((newest) => {
    const row = document.querySelector('[data-testid="trades"] tbody tr[data-sequence]');
    return row && Number(row.dataset.sequence) > newest;
  }, known[0]);
  const current = await sequences();
  assert.ok(current[0] > known[0], "the newest trade is on top");
  assert.equal(new Set(current).size, current.length, "no trade is there twice");
  const sorted = [...current].sort((a, b) => b - a);
  assert.deepEqual(current, sorted, "trades stand in their order");
  assert.ok((await page.locator(".chart canvas").count()) > 0, "charts are drawn");
  await accessible("session");
  await shoot("session-laptop-light");
});

test("a trade opens to its reason, and a long one widens nothing", async () => {
  await rows().first().locator(".row-toggle").click();
  await page.locator(".trade-details").first().waitFor();
  const table = page.getByTestId("trades");
  const excess = await table.evaluate((element) => {
    // As a rejection with every detail in it, whatever the market did so far.
    const cell = element.querySelector(".result");
    cell.replaceChildren(
      Object.assign(document.createElement("span"), {
        className: "reason",
        textContent: "Rejected: insufficient cash: ".repeat(20),
      }),
    );
    const region = element.closest("[role=region]");
    return region.scrollWidth - region.clientWidth;
  });
  assert.ok(excess <= 0, `the table is ${excess} px wider than its panel`);
  await page.reload();
  await rows().first().waitFor();
});

test("a reload keeps what was there", async () => {
  const known = await sequences();
  await page.reload();
  await rows().first().waitFor();
  const again = new Set(await sequences());
  // The table shows the newest hundred; what new trades pushed out of it isn't lost.
  const oldest = Math.min(...again);
  const lost = known.filter((sequence) => sequence >= oldest && !again.has(sequence));
  assert.deepEqual(lost, []);
  assert.ok(Math.max(...again) >= Math.max(...known));
});

test("what happened during a cut is there after it, once and in order", async () => {
  const open = new Set();
  let cut = false;
  await page.routeWebSocket(/\/connection\/websocket/, (socket) => {
    // A code of the library's own range for "come back".
    if (cut) socket.close({ code: 3001 });
    else {
      socket.connectToServer();
      open.add(socket);
    }
  });
  // The page reads its trades at once, and again if its subscription begins after that: a read
  // on its way would bring what happens during the cut.
  let reads = 0;
  const count = (response) => {
    if (response.url().includes("/trades?limit=500")) reads += 1;
  };
  page.on("response", count);
  await page.reload();
  await rows().first().waitFor();
  await page.getByTestId("connection").getByText("Live").waitFor();
  for (let waited = 0; reads < 2 && waited < 4_000; waited += 100) await page.waitForTimeout(100);
  page.off("response", count);
  cut = true;
  for (const socket of open) await socket.close({ code: 3001 });
  await page.getByTestId("connection").getByText("Reconnecting").waitFor();
  // What came just before the cut may still be on its way into the table.
  await page.waitForTimeout(300);
  const known = await sequences();
  // Until the server has a trade that the page was not told of.
  const newest = async () => (await serverTrades())[0];
  while ((await newest()) <= known[0]) await page.waitForTimeout(500);
  assert.deepEqual((await sequences())[0], known[0], "the page was cut off");
  cut = false;
  await page.getByTestId("connection").getByText("Live").waitFor();
  const told = await serverTrades();
  await page.waitForFunction(
    (sequence) => document.querySelector(`tr[data-sequence="${sequence}"]`),
    told[0],
  );
  const shown = await sequences();
  assert.equal(new Set(shown).size, shown.length);
  const since = shown.filter((sequence) => sequence <= told[0]);
  assert.deepEqual(since, told.slice(0, since.length));
});

/** The newest trades' sequences as the server has them, newest first. */
async function serverTrades() {
  return page.evaluate(async () => {
    const guest = await fetch("/v1/auth/guest", { method: "POST" });
    const { token } = await guest.json();
    const answer = await fetch(`/v1${location.pathname}/trades?limit=500`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return (await answer.json()).items.map((trade) => trade.sequence);
  });
}

test("the strategy at work shows what its nodes give, on its edges", async () => {
  const frame = page.getByTestId("strategy-at-work");
  await frame.scrollIntoViewIfNeeded();
  await frame.locator(".edge-value.number").first().waitFor();
  await frame.locator(".edge-value.true, .edge-value.false").first().waitFor();
  const texts = () => frame.locator(".edge-value").allInnerTexts();
  const shown = await texts();
  // The demo's strategy: a price, two averages, two crossings; each output once.
  assert.equal(shown.length, 5, shown.join());
  assert.ok(
    shown.some((text) => /\d[.,]\d/.test(text)),
    shown.join(),
  );
  assert.ok(
    shown.every((text) => /\d|true|false|–/.test(text)),
    shown.join(),
  );
  // They follow the market without a reload.
  await page.waitForFunction(
    (before) =>
      [...document.querySelectorAll(".edge-value")].some(
        (label, index) => label.innerText !== before[index],
      ),
    shown,
  );
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    // Colours fade into those of the other scheme.
    await page.waitForTimeout(700);
    await accessible(`the strategy at work, ${scheme}`);
    await shoot(`session-strategy-laptop-${scheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
});

test("the editor shows the values, too, until the graph is another one", async () => {
  await page.locator('.facts a[href^="/strategies/"]').click();
  const graph = page.getByRole("group", { name: "Strategy graph" });
  await graph.locator(".edge-value.number").first().waitFor();
  await page.locator(".running-values a").waitFor();
  await accessible("the editor with values");
  await shoot("strategy-values-laptop-light");
  await page.getByLabel("Find a node").fill("bollinger");
  await page.keyboard.press("Enter");
  await graph.locator(".edge-value").first().waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Undo/ }).click();
  await graph.locator(".edge-value.number").first().waitFor();
  await page.goBack();
  await rows().first().waitFor();
});

test("the log tells why, and the trades can be taken along as a file", async () => {
  await page.getByRole("button", { name: "Log", exact: true }).click();
  await page.locator(".log-entry .log-why").first().waitFor();
  await accessible("session's log");
  await shoot("session-log-laptop-light");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV" }).click(),
  ]);
  const { readFile } = await import("node:fs/promises");
  const lines = (await readFile(await file.path(), "utf8")).trim().split("\r\n");
  assert.match(lines[0], /^sequence,timestamp,/);
  assert.ok(lines.length > 1, "the file has trades");
});

test("bad input is answered beside its field, before and after sending", async () => {
  await page.goto(`${base}/sessions/new`);
  const balance = page.getByLabel("Starting balance");
  await balance.fill("-5");
  await page.getByLabel("Fee per trade").fill("a lot");
  await page.getByRole("button", { name: "Start session" }).click();
  assert.equal(await balance.getAttribute("aria-invalid"), "true");
  const note = page.locator(`#${CSS_ID(await balance.getAttribute("aria-describedby"))}`);
  assert.match(await note.textContent(), /more than 0/);
  assert.equal(await balance.evaluate((input) => input === document.activeElement), true);
  await shoot("new-session-errors-laptop-light");
});

/** React's ids hold characters that a selector must escape. */
function CSS_ID(id) {
  return id.replace(/[^\w-]/g, (character) => `\\${character}`);
}

test("the server's refusal of a market stands beside the field", async () => {
  expected = (text) => text.includes("/v1/subscriptions") && text.includes("422");
  await page.goto(`${base}/markets`);
  await page.getByLabel("Add a market").fill("NOSUCHCOIN-USD");
  await page.getByRole("button", { name: "Watch", exact: true }).click();
  await page.locator(".inline-form .field-error").waitFor();
  await accessible("markets");
  await shoot("markets-laptop-light");
  expected = () => false;
});

test("a template becomes a strategy, with the compiler's findings beside the field", async () => {
  await page.goto(`${base}/strategies/new`);
  await page.getByTestId("verdict").getByText("Ready to trade").waitFor();
  await page.locator(".flow-node").first().waitFor();
  await shoot("strategy-laptop-light");
  const period = page.getByLabel("Period").first();
  const before = await period.inputValue();
  await period.fill("0");
  await page.getByTestId("verdict").getByText(/error/).waitFor();
  await page.locator(".node-card .field-error, .node-card .diagnostics .error").first().waitFor();
  await shoot("strategy-errors-laptop-light");
  await period.fill(before);
  await page.getByTestId("verdict").getByText("Ready to trade").waitFor();
  await accessible("strategy");
});

test("the editor adds, removes, undoes and copies nodes", async () => {
  const nodes = page.locator(".react-flow__node");
  const before = await nodes.count();
  const holds = (count) =>
    page.waitForFunction(
      (wanted) => document.querySelectorAll(".react-flow__node").length === wanted,
      count,
    );
  await page.getByLabel("Find a node").fill("bollinger");
  await page.keyboard.press("Enter");
  await holds(before + 1);
  // The compiler tells that nothing enters it, on the node itself.
  await page.locator(".flow-message").first().waitFor();
  await page.getByRole("button", { name: /^Undo/ }).click();
  await holds(before);
  await page.getByRole("button", { name: /^Redo/ }).click();
  await holds(before + 1);
  await nodes.first().click();
  await page.keyboard.press("Control+d");
  await holds(before + 2);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await holds(before);
  await page.getByRole("button", { name: "Arrange" }).click();
  await page.getByTestId("verdict").getByText("Ready to trade").waitFor();
  await accessible("editor");
});

test("a script is edited with its own tools", async () => {
  // A server that compiles graphs only refuses it; the editor itself must still work.
  expected = (text) => text.includes("/v1/strategies/compile");
  await page.goto(`${base}/strategies/new`);
  await page.getByRole("button", { name: "Script", exact: true }).first().click();
  const editor = page.locator(".cm-content");
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("cro");
  await page.locator(".cm-tooltip-autocomplete").getByText("crosses_above").waitFor();
  await page.keyboard.press("Escape");
  await accessible("script");
  await shoot("script-laptop-light");
  expected = () => false;
});

test("sessions are compared, and the system and the settings have their pages", async () => {
  await page.goto(`${base}/compare`);
  await page.getByTestId("comparison").waitFor();
  await page.goto(`${base}/system`);
  await page.getByTestId("feed").locator("tbody tr").first().waitFor();
  await page.goto(`${base}/settings`);
  // A new zone loads the page anew: the next step must not meet that.
  const choose = async (zone) => {
    const loaded = page.waitForEvent("load");
    await page.getByLabel("Time zone").selectOption(zone);
    await loaded;
  };
  await choose("Asia/Tokyo");
  await page
    .getByText(/GMT\+9|JST/)
    .first()
    .waitFor();
  await choose("");
});

test("a target is added, tested and deleted; what is wrong stands beside its field", async () => {
  expected = (text) => /422/.test(text);
  await page.goto(`${base}/settings/notifications`);
  await page.getByRole("button", { name: "Add a target" }).click();
  await page.getByRole("button", { name: "Add target" }).click();
  await page.getByText("Give it a name that you will recognise.").waitFor();
  assert.equal(await page.getByLabel("Name").evaluate((it) => it === document.activeElement), true);
  const name = `Phone <img src=x onerror="document.title='owned'">`;
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Address").fill("https://10.0.0.1/hook");
  await page.getByRole("button", { name: "Add target" }).click();
  // From the server, beside the same field.
  await page.getByText("the address is not on the public internet").waitFor();
  assert.equal(await page.getByLabel("Address").getAttribute("aria-invalid"), "true");
  await accessible("new target");
  await page.getByLabel("Address").fill("https://localhost/hook?token=s3cr3t");
  await page.getByRole("button", { name: "Add target" }).click();
  const secret = await page.getByTestId("secret").textContent();
  assert.match(secret, /^whsec_/);
  await shoot("targets-laptop-light");
  await page.getByRole("button", { name: "Done" }).click();
  const target = page.getByTestId("target").filter({ hasText: "Phone" });
  assert.ok((await target.textContent()).includes(name), "markup stays text");
  assert.ok(
    !(await page.content()).includes("s3cr3t"),
    "what is secret of an address is not shown",
  );
  await target.getByRole("button", { name: "Send a test" }).click();
  await target.getByText("It didn't arrive: the address is not on the public internet.").waitFor();

  const preferences = page.getByTestId("preferences");
  await preferences.getByLabel("At most").fill("0");
  await preferences.getByRole("button", { name: "Save" }).click();
  await preferences.getByText("Enter a whole number from 1 to 600.").waitFor();
  await preferences.getByLabel("At most").fill("30");
  await preferences.getByLabel(/^Quiet hours/).check();
  await preferences.getByLabel("Each day's summary").uncheck();
  await preferences.getByRole("button", { name: "Save" }).click();
  await preferences.getByText("Saved.").waitFor();
  await accessible("notification settings");
  await shoot("notification-settings-laptop-light", { fullPage: true });
  await page.reload();
  assert.equal(await preferences.getByLabel("At most").inputValue(), "30");
  assert.equal(await preferences.getByLabel("Each day's summary").isChecked(), false);
  await target.getByRole("button", { name: "Delete" }).click();
  await target.getByRole("button", { name: "Delete it" }).click();
  await target.waitFor({ state: "detached" });
  expected = () => false;
});

test("a mailbox is told nothing before its code was entered", async (context) => {
  // `algotrade up` has no mail server: there it isn't offered at all.
  const { email } = await page.evaluate(async () => (await fetch("/v1/status")).json());
  await page.goto(`${base}/settings/notifications`);
  await page.getByRole("button", { name: "Add a target" }).click();
  const offered = page.getByRole("button", { name: "E-mail" });
  if (!email) {
    assert.equal(await offered.count(), 0);
    context.diagnostic("this server has no mail server");
    return;
  }
  expected = (text) => /422/.test(text);
  await offered.click();
  await page.getByLabel("Name").fill("My mail");
  await page.getByLabel("Address").fill("alice");
  await page.getByRole("button", { name: "Add target" }).click();
  await page.getByText("This is no address, such as alice@example.com.").waitFor();
  await page.getByLabel("Address").fill("alice@example.com");
  await page.getByRole("button", { name: "Add target" }).click();
  const target = page.getByTestId("target").filter({ hasText: "My mail" });
  assert.equal(await target.getByRole("button", { name: "Send a test" }).count(), 0);
  await target.getByRole("button", { name: "Send a code" }).click();
  await target.getByText("A code is on its way to alice@example.com.").waitFor();
  await target.getByLabel("Code").fill("0000");
  await target.getByRole("button", { name: "Confirm" }).click();
  await target.getByText("this is not the code that was sent last").waitFor();
  await accessible("mailbox to be confirmed");
  await shoot("mailbox-laptop-light");
  await target.getByLabel("Code").fill("12345678");
  await target.getByRole("button", { name: "Confirm" }).click();
  await target.getByText("Working").waitFor();
  await target.getByRole("button", { name: "Send a test" }).waitFor();
  await target.getByRole("button", { name: "Delete" }).click();
  await target.getByRole("button", { name: "Delete it" }).click();
  await target.waitFor({ state: "detached" });
  expected = () => false;
});

test("a session is created through the form, and trades or waits; markup stays text", async () => {
  const name = `From the form <img src=x onerror="document.title='owned'">`;
  await page.goto(`${base}/sessions/new`);
  await page.getByLabel("Name (optional)").fill(name);
  await page.getByLabel("Starting balance").fill("25,000");
  await page.getByText("How the market answers").click();
  await page.getByLabel("Orders fill").selectOption("volume");
  await page.getByLabel("Share of each trade").fill("150");
  await page.getByLabel("Latency").selectOption("fixed");
  await page.getByText("Limits on risk").click();
  await page.getByLabel("Fall from the highest equity").fill("30");
  await page.getByRole("button", { name: "Start session" }).click();
  await page.getByText("It must be at most 100.").waitFor();
  const share = page.getByLabel("Share of each trade");
  assert.equal(await share.evaluate((it) => it === document.activeElement), true);
  await accessible("new session");
  await shoot("new-session-laptop-light", { fullPage: true });
  await share.fill("50");
  await page.getByRole("button", { name: "Start session" }).click();
  await page.waitForURL(/\/sessions\/(?!new)[^/]+$/);
  await page.getByText(name).waitFor();
  await page.locator(".badge.good", { hasText: "Running" }).waitFor();
  assert.notEqual(await page.title(), "owned");
  const terms = page.getByTestId("terms");
  await terms.getByText("at most 50% of what is traded").waitFor();
  await terms.getByText("30% below the highest equity").waitFor();
  await page.locator(".page-actions").getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.locator(".session-title .badge", { hasText: "Stopped" }).waitFor();
});

test("pages hold together in dark and on a phone", async () => {
  await page.goto(base);
  await page.getByTestId("session-card").first().waitFor();
  const session = await page.getByTestId("session-card").last().getAttribute("href");
  const paths = {
    home: "/",
    session,
    sessions: "/sessions",
    markets: "/markets",
    strategies: "/strategies",
    strategy: "/strategies/new",
    "new-session": "/sessions/new",
    notifications: "/notifications",
    compare: "/compare",
    system: "/system",
    settings: "/settings",
    "settings-notifications": "/settings/notifications",
  };
  for (const [size, viewport] of Object.entries({ laptop: LAPTOP, phone: PHONE })) {
    for (const scheme of ["dark", "light"]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: scheme });
      for (const [name, path] of Object.entries(paths)) {
        if (size === "laptop" && scheme === "light" && !/session|strateg|notif/.test(name))
          continue;
        await page.goto(base + path);
        await page.locator("h1").waitFor();
        await page.locator(".skeleton").first().waitFor({ state: "detached" });
        await noOverflow(`${name} on ${size}`);
        // Sizes change what fits, colours what can be read: each is looked at once.
        if (!(size === "phone" && scheme === "light")) {
          await accessible(`${name} on ${size}, ${scheme}`);
        }
        await shoot(`${name}-${size}-${scheme}`, { fullPage: size === "phone" });
      }
    }
  }
});

test("an operator signs in, makes an account and an API token, and signs out", async (t) => {
  const password = process.env.OPERATOR_PASSWORD;
  if (!password) return t.skip("OPERATOR_PASSWORD is not set");
  await page.setViewportSize(LAPTOP);
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${base}/settings`);
  await page.getByText("Sign in with a password").click();
  await page.getByLabel("Name").fill("operator");
  expected = (text) => /401/.test(text);
  await page.getByLabel("Password").fill("a wrong password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("the name or the password is wrong").waitFor();
  expected = () => false;
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${base}/`);
  const cookies = await browser.context.cookies(`${base}/v1/auth`);
  assert.equal(cookies.find(({ name }) => name === "algotrade_session")?.httpOnly, true);

  // What a guest isn't even asked for.
  await page.goto(`${base}/system`);
  await page.getByTestId("services").locator("tbody tr").first().waitFor();
  await accessible("system of an operator");
  await shoot("system-operator-laptop-light", { fullPage: true });

  await page.goto(`${base}/account`);
  const accounts = page.locator("section", { hasText: "Make an account" });
  const name = `trader-${Date.now()}`;
  await accounts.getByLabel("Name").fill(name);
  await accounts.getByLabel("First password").fill("short");
  expected = (text) => /422/.test(text);
  await accounts.getByRole("button", { name: "Make an account" }).click();
  await accounts.getByText("at least 12 characters").waitFor();
  expected = () => false;
  await accounts.getByLabel("First password").fill("four words are enough");
  await accounts.getByRole("button", { name: "Make an account" }).click();
  await accounts.locator("td", { hasText: name }).waitFor();
  const tokens = page.locator("section", { hasText: "Make a token" });
  await tokens.getByLabel("Name").fill("notebook");
  await tokens.getByRole("button", { name: "Make a token" }).click();
  await tokens.getByText(/at_[0-9a-f]{64}/).waitFor();
  await accessible("account");
  await shoot("account-laptop-light", { fullPage: true });

  // A reload finds who it was by the cookie alone.
  await page.reload();
  await accounts.locator("td", { hasText: name }).waitFor();
  assert.equal(await page.getByText(/at_[0-9a-f]{64}/).count(), 0, "the secret is told once");
  await page.goto(`${base}/settings`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${base}/`);
  await page.goto(`${base}/settings`);
  await page.getByText("as a guest").waitFor();
});

test("nothing was complained of in the console", () => {
  assert.deepEqual(complaints, []);
});
