/**
 * A stand-in for the services while the page is developed: HTTP API, market stream and a small
 * Centrifuge JSON server over a random market. Serves dist/ with the policy of production.
 *   PORT=8080 npm run mock
 */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const DIST = join(fileURLToPath(new URL(".", import.meta.url)), "..", "dist");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const USER = "guest";
const CHANNEL = `user:${USER}`;
const BASES = { BTCUSD: 87_786.04, ETHUSD: 2_931.55, SOLUSD: 136.42 };
const HISTORY_SECONDS = 1_200;
const now = () => new Date().toISOString();
const round = (value, digits = 2) => Number(value.toFixed(digits));

const node = (id, type, x, y, data = {}) => ({ id, type, position: { x, y }, data });
const edge = (source, sourceHandle, target, targetHandle) => ({
  id: `${source}-${target}-${targetHandle}`,
  source,
  sourceHandle,
  target,
  targetHandle,
});

const crossover = (fast, slow) => ({
  nodes: [
    node("price-1", "priceNode", 0, 140, { priceType: "close" }),
    node("sma-fast", "smaNode", 230, 40, { period: fast }),
    node("sma-slow", "smaNode", 230, 240, { period: slow }),
    node("cross-up", "crossoverNode", 470, 40, { crossType: "above" }),
    node("cross-down", "crossoverNode", 470, 240, { crossType: "below" }),
    node("buy-1", "buyNode", 710, 40, { quantity: 50, sizeType: "percent_of_cash" }),
    node("sell-1", "sellNode", 710, 240, { quantity: 100, sizeType: "percent_of_position" }),
  ],
  edges: [
    edge("price-1", "price-out", "sma-fast", "price-in"),
    edge("price-1", "price-out", "sma-slow", "price-in"),
    edge("sma-fast", "sma-out", "cross-up", "fast-in"),
    edge("sma-slow", "sma-out", "cross-up", "slow-in"),
    edge("sma-fast", "sma-out", "cross-down", "fast-in"),
    edge("sma-slow", "sma-out", "cross-down", "slow-in"),
    edge("cross-up", "cross-out", "buy-1", "trigger-in"),
    edge("cross-down", "cross-out", "sell-1", "trigger-in"),
  ],
});
const reversion = {
  nodes: [
    node("price-1", "priceNode", 0, 100),
    node("rsi-1", "rsiNode", 230, 100, { period: 14 }),
    node("zone-1", "thresholdNode", 470, 100, { upperThreshold: 70, lowerThreshold: 30 }),
    node("buy-1", "buyNode", 710, 30, { quantity: 40, sizeType: "percent_of_cash" }),
    node("sell-1", "sellNode", 710, 190, { quantity: 100, sizeType: "percent_of_position" }),
  ],
  edges: [
    edge("price-1", "price-out", "rsi-1", "price-in"),
    edge("rsi-1", "rsi-out", "zone-1", "value-in"),
    edge("zone-1", "oversold-out", "buy-1", "trigger-in"),
    edge("zone-1", "overbought-out", "sell-1", "trigger-in"),
  ],
};

const templates = [
  {
    key: "sma_crossover",
    name: "SMA crossover",
    description: "Buys when the fast average rises above the slow one, sells when it falls below.",
    kind: "graph",
    source: crossover(10, 30),
  },
  {
    key: "rsi_reversion",
    name: "RSI mean reversion",
    description: "Buys when RSI says oversold and sells when it says overbought.",
    kind: "graph",
    source: reversion,
  },
];

function compile(source) {
  const diagnostics = [];
  const add = (code, severity, id, field, message, hint) =>
    diagnostics.push({ code, severity, node: id, field, message, hint });
  for (const item of source?.nodes ?? []) {
    const { period } = item.data ?? {};
    if (period !== undefined && !(period >= 1 && Number.isInteger(period))) {
      const text = `A period must be a whole number of at least 1, not ${period}.`;
      add("bad_period", "error", item.id, "period", text, "Try 14.");
    }
    if (/buy|sell/.test(item.type) && !source.edges.some((line) => line.target === item.id)) {
      add("no_trigger", "error", item.id, null, "Nothing triggers this order.", "Connect a rule.");
    }
  }
  if (!source?.nodes?.some((item) => /buy|sell/.test(item.type))) {
    add("no_action", "error", null, null, "This graph never trades.", "Add a Buy or Sell node.");
  }
  const ok = !diagnostics.some((item) => item.severity === "error");
  const plan = ok ? { hash: "mock", nodes: source.nodes.length, warmup: 30 } : null;
  return { ok, diagnostics, plan };
}

/** Everything the server knows; made anew for each server, so that tests don't share it. */
class World {
  prices = new Map(Object.entries(BASES));
  ticks = new Map(Object.keys(BASES).map((symbol) => [symbol, []]));
  streams = new Set();
  sockets = new Set();
  sessions = new Map();
  trades = new Map();
  equity = new Map();
  history = [];
  offset = 0;
  epoch = randomUUID().slice(0, 8);
  tradeId = 910_924_169;
  strategies = new Map();
  notices = [
    {
      user_id: USER,
      title: "Session resumed",
      message: "The demo session continued where it was. <b>Not markup.</b>",
      severity: "info",
      timestamp: now(),
    },
  ];

  constructor() {
    const start = Date.now() - HISTORY_SECONDS * 1000;
    const demo = this.addStrategy({ name: "SMA 10/30", kind: "graph", source: crossover(10, 30) });
    const session = this.addSession({
      strategy_id: demo.id,
      symbol: "BTCUSD",
      timeframe: "tick",
      initial_balance: 100_000,
      fee_rate: 0.001,
      name: "Demo: SMA crossover on BTC",
    });
    for (let second = 0; second < HISTORY_SECONDS; second += 1) {
      for (const symbol of this.prices.keys()) this.step(symbol, start + second * 1000);
      if (second % 40 === 39) this.trade(session, start + second * 1000 + 500);
      if (second % 5 === 4) this.mark(session, start + second * 1000 + 700);
    }
    this.timers = [
      setInterval(() => {
        for (const symbol of this.prices.keys()) {
          if (Math.random() < 0.7) this.step(symbol, Date.now());
        }
      }, 150),
      setInterval(() => this.each((item) => this.trade(item, Date.now())), 3_000),
      setInterval(() => this.each((item) => this.mark(item, Date.now())), 1_000),
    ];
  }

  close() {
    this.timers.forEach(clearInterval);
  }

  each(act) {
    for (const session of this.sessions.values()) if (session.status === "RUNNING") act(session);
  }

  addStrategy({ name, kind, source, description = "" }) {
    const id = randomUUID();
    const at = now();
    const times = { created_at: at, updated_at: at };
    const strategy = { id, name, kind, version: 1, description, source, diagnostics: [], ...times };
    this.strategies.set(id, strategy);
    return strategy;
  }

  addSession(body) {
    const strategy = this.strategies.get(body.strategy_id);
    const session = {
      id: randomUUID(),
      strategy_version: strategy.version,
      strategy_name: strategy.name,
      ...body,
      name: body.name ?? `${strategy.name} on ${body.symbol}`,
      status: "RUNNING",
      status_reason: null,
      cash: body.initial_balance,
      position: 0,
      equity: body.initial_balance,
      last_price: this.prices.get(body.symbol),
      realized_pnl: 0,
      fees: 0,
      trades: 0,
      return_pct: 0,
      created_at: now(),
      started_at: now(),
      stopped_at: null,
    };
    this.sessions.set(session.id, session);
    this.trades.set(session.id, []);
    this.equity.set(session.id, []);
    session.sequence = 1;
    return session;
  }

  step(symbol, at) {
    const old = this.prices.get(symbol);
    const price = round(old * (1 + (Math.random() - 0.5) * 0.0006));
    this.prices.set(symbol, price);
    this.tradeId += 1;
    const tick = {
      symbol,
      price,
      volume: round(Math.random() ** 3 * 0.8 + 0.0001, 8),
      timestamp: new Date(at).toISOString(),
      side: price >= old ? "buy" : "sell",
      trade_id: this.tradeId,
      source: "simulator",
    };
    const kept = this.ticks.get(symbol);
    kept.push(tick);
    if (kept.length > 20_000) kept.shift();
    for (const { symbols, response } of this.streams) {
      if (symbols.includes(symbol))
        response.write(`event: tick\ndata: ${JSON.stringify(tick)}\n\n`);
    }
  }

  publish(event, payload) {
    this.offset += 1;
    const pub = { offset: this.offset, data: { event, payload } };
    this.history.push(pub);
    if (this.history.length > 500) this.history.shift();
    for (const socket of this.sockets) {
      socket.send(JSON.stringify({ push: { channel: CHANNEL, pub } }));
    }
  }

  trade(session, at) {
    const price = this.prices.get(session.symbol);
    const buy = session.position === 0;
    const quantity = buy ? round((session.cash * 0.5) / price, 8) : session.position;
    const fee = round(quantity * price * session.fee_rate, 8);
    const pnl = buy ? 0 : round(quantity * (price - session.entry) - fee, 8);
    session.cash = round(session.cash + (buy ? -1 : 1) * quantity * price - fee, 8);
    session.position = buy ? quantity : 0;
    session.entry = price;
    session.fees += fee;
    session.realized_pnl += pnl;
    session.trades += 1;
    session.sequence += 1;
    const trade = {
      trade_id: randomUUID(),
      session_id: session.id,
      symbol: session.symbol,
      action: buy ? "BUY" : "SELL",
      quantity,
      price,
      status: "FILLED",
      timestamp: new Date(at).toISOString(),
      user_id: USER,
      strategy_id: session.strategy_id,
      fee,
      slippage: 0,
      realized_pnl: pnl,
      cash: session.cash,
      position: session.position,
      reason: null,
      sequence: session.sequence,
    };
    this.trades.get(session.id).push(trade);
    this.publish("trade-execution", trade);
  }

  mark(session, at) {
    const price = this.prices.get(session.symbol);
    const equity = round(session.cash + session.position * price, 8);
    Object.assign(session, { equity, last_price: price });
    session.return_pct = (equity / session.initial_balance - 1) * 100;
    session.sequence += 1;
    const { id, cash, position, sequence } = session;
    const timestamp = new Date(at).toISOString();
    const values = { price, cash, position, equity };
    this.equity.get(id).push({ timestamp, ...values, sequence });
    this.event(session, "EQUITY", { timestamp, equity: values });
  }

  event(session, event, more) {
    this.publish("forward-test-event", {
      session_id: session.id,
      user_id: USER,
      strategy_id: session.strategy_id,
      symbol: session.symbol,
      event,
      sequence: session.sequence,
      timestamp: now(),
      ...more,
    });
  }

  stop(session) {
    session.status = "STOPPED";
    session.stopped_at = now();
    session.sequence += 1;
    this.event(session, "SESSION_STOPPED", { reason: "stopped by the user" });
  }

  candles(symbol, interval, limit) {
    const unit = { s: 1, m: 60, h: 3600 }[interval.at(-1)];
    const seconds = Number.parseInt(interval, 10) * unit;
    const bars = new Map();
    for (const { price, volume, timestamp } of this.ticks.get(symbol) ?? []) {
      const time = Math.floor(Date.parse(timestamp) / 1000 / seconds) * seconds;
      const bar = bars.get(time);
      if (!bar)
        bars.set(time, { time, open: price, high: price, low: price, close: price, volume });
      else {
        bar.high = Math.max(bar.high, price);
        bar.low = Math.min(bar.low, price);
        bar.close = price;
        bar.volume += volume;
      }
    }
    return [...bars.values()].slice(-limit);
  }

  subscription(symbol) {
    const ticks = this.ticks.get(symbol);
    return {
      symbol,
      product_id: symbol.replace(/USD$/, "-USD"),
      requested_by: [USER],
      source: "simulator",
      last_price: this.prices.get(symbol),
      last_trade_at: ticks.at(-1)?.timestamp ?? null,
      trades: ticks.length,
      gaps: 0,
    };
  }
}

class Refused extends Error {
  constructor(status, code, detail, more = {}) {
    super(detail);
    this.body = { type: "about:blank", title: code, status, code, detail, ...more };
  }
}

const missing = () => new Refused(404, "not_found", "There is nothing with this id.");

function checkSession(world, body) {
  const errors = [];
  const add = (field, code, detail, hint) => errors.push({ field, code, detail, hint });
  if (!world.strategies.has(body.strategy_id)) {
    add("strategy_id", "unknown_strategy", "There is no such strategy.");
  }
  if (!world.prices.has(body.symbol)) {
    add("symbol", "unknown_symbol", "This market isn't known.", "Did you mean BTCUSD?");
  }
  if (!(body.initial_balance > 0)) {
    add("initial_balance", "not_positive", "The balance must be more than 0.");
  }
  if (body.initial_balance === 13) {
    add("initial_balance", "unlucky", "The server refuses this balance.", "Try 100000.");
  }
  if (errors.length > 0) {
    throw new Refused(422, "validation_failed", "The session can't be started so.", { errors });
  }
}

const list = (items) => ({ items, next_cursor: null });

/** Routes: method and path pattern -> (world, match, query, body) -> [status, body]. */
const ROUTES = [
  [
    "POST /v1/auth/guest",
    () => {
      if (process.env.MOCK_GUEST === "off") {
        throw new Refused(403, "guest_disabled", "Guests are switched off.");
      }
      return [200, { token: "mock-token", user_id: USER, expires_at: "2099-01-01T00:00:00Z" }];
    },
  ],
  [
    "GET /v1/auth/me",
    (_world, _match, _query, _body, request) => {
      if (request.headers.authorization !== "Bearer mock-token") {
        throw new Refused(401, "token_invalid", "This token isn't valid.");
      }
      return [200, { user_id: USER, role: "user" }];
    },
  ],
  [
    "GET /v1/status",
    () => [200, { version: "0.1.0", mode: "embedded", feed: "simulator", guest: true }],
  ],
  ["GET /v1/notifications", (world) => [200, list(world.notices)]],
  [
    "GET /v1/products",
    (world) => [
      200,
      list(
        [...world.prices.keys()].map((symbol) => ({
          id: symbol.replace(/USD$/, "-USD"),
          symbol,
          base: symbol.replace(/USD$/, ""),
          quote: "USD",
          base_increment: 0.00000001,
          quote_increment: 0.01,
          status: "online",
        })),
      ),
    ],
  ],
  [
    "GET /v1/subscriptions",
    (world) => [200, list([...world.prices.keys()].map((symbol) => world.subscription(symbol)))],
  ],
  [
    "POST /v1/subscriptions",
    (world, _match, _query, { symbol }) => {
      if (!world.prices.has(symbol)) {
        const hint = "Did you mean SOLUSD?";
        const detail = `${symbol} isn't a market at Coinbase.`;
        throw new Refused(422, "unknown_symbol", detail, { field: "symbol", hint });
      }
      return [200, world.subscription(symbol)];
    },
  ],
  ["DELETE /v1/subscriptions/([^/]+)", () => [204]],
  [
    "GET /v1/candles/([^/]+)",
    (world, [symbol], query) => {
      const limit = Number(query.get("limit") ?? 500);
      return [200, list(world.candles(symbol, query.get("interval") ?? "1m", limit))];
    },
  ],
  ["GET /v1/templates", () => [200, list(templates)]],
  ["GET /v1/strategies", (world) => [200, list([...world.strategies.values()])]],
  ["POST /v1/strategies/compile", (_world, _match, _query, { source }) => [200, compile(source)]],
  [
    "POST /v1/strategies",
    (world, _match, _query, body) => {
      const { ok, diagnostics } = compile(body.source);
      if (!ok)
        throw new Refused(422, "strategy_invalid", "The strategy has errors.", { diagnostics });
      return [201, world.addStrategy(body)];
    },
  ],
  [
    "GET /v1/strategies/([^/]+)",
    (world, [id]) => {
      if (!world.strategies.has(id)) throw missing();
      return [200, world.strategies.get(id)];
    },
  ],
  [
    "PUT /v1/strategies/([^/]+)",
    (world, [id], _query, body) => {
      const old = world.strategies.get(id);
      if (!old) throw missing();
      const next = { ...old, ...body, version: old.version + 1, updated_at: now() };
      world.strategies.set(id, next);
      return [200, next];
    },
  ],
  [
    "DELETE /v1/strategies/([^/]+)",
    (world, [id]) => {
      if ([...world.sessions.values()].some((item) => item.strategy_id === id)) {
        throw new Refused(409, "strategy_in_use", "Sessions run this strategy.");
      }
      world.strategies.delete(id);
      return [204];
    },
  ],
  ["GET /v1/sessions", (world) => [200, list([...world.sessions.values()].reverse())]],
  [
    "POST /v1/sessions",
    (world, _match, _query, body) => {
      checkSession(world, body);
      return [201, world.addSession(body)];
    },
  ],
  ["GET /v1/sessions/([^/]+)", (world, [id]) => [200, find(world, id)]],
  [
    "POST /v1/sessions/([^/]+)/stop",
    (world, [id]) => {
      const session = find(world, id);
      setTimeout(() => world.stop(session), 400);
      return [202, { ...session, status: "STOPPING" }];
    },
  ],
  [
    "GET /v1/sessions/([^/]+)/trades",
    (world, [id], query) => {
      find(world, id);
      const limit = Number(query.get("limit") ?? 50);
      const before = Number(query.get("cursor") ?? Number.MAX_SAFE_INTEGER);
      const older = world.trades
        .get(id)
        .filter((trade) => trade.sequence < before)
        .reverse();
      const items = older.slice(0, limit);
      const next = older.length > limit ? String(items.at(-1).sequence) : null;
      return [200, { items, next_cursor: next }];
    },
  ],
  [
    "GET /v1/sessions/([^/]+)/equity",
    (world, [id]) => {
      find(world, id);
      return [200, { items: world.equity.get(id).slice(-5000) }];
    },
  ],
];

function find(world, id) {
  const session = world.sessions.get(id);
  if (!session) throw missing();
  return session;
}

async function readBody(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function sendJson(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function serveFile(path, response) {
  const wanted = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const file = extname(wanted) ? wanted : "index.html";
  try {
    const body = await readFile(join(DIST, file));
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-security-policy": CSP,
      "x-content-type-options": "nosniff",
    });
    response.end(body);
  } catch {
    response.writeHead(404).end("not found: run `npm run build` first");
  }
}

function stream(world, query, request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": open\n\n");
  const client = { symbols: (query.get("symbols") ?? "").split(","), response };
  world.streams.add(client);
  request.on("close", () => world.streams.delete(client));
}

async function handle(world, request, response) {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/v1/market/stream") {
    stream(world, url.searchParams, request, response);
    return;
  }
  if (!url.pathname.startsWith("/v1/")) {
    await serveFile(url.pathname, response);
    return;
  }
  const wanted = `${request.method} ${url.pathname}`;
  try {
    for (const [pattern, answer] of ROUTES) {
      const match = new RegExp(`^${pattern}$`).exec(wanted);
      if (!match) continue;
      const body = await readBody(request);
      const [status, result] = answer(world, match.slice(1), url.searchParams, body, request);
      sendJson(response, status, result);
      return;
    }
    throw missing();
  } catch (error) {
    const known = error instanceof Refused;
    const body = known ? error.body : { status: 500, code: "internal", detail: String(error) };
    sendJson(response, body.status, body, "application/problem+json");
  }
}

/** The part of the Centrifuge protocol that the page uses: connect with recovery, ping, pushes. */
function talk(world, socket) {
  socket.on("message", (data) => {
    for (const line of String(data).split("\n").filter(Boolean)) {
      const command = JSON.parse(line);
      if (!command.connect) continue;
      const since = command.connect.subs?.[CHANNEL];
      const known = since?.epoch === world.epoch;
      const oldest = world.history[0]?.offset ?? world.offset + 1;
      const recovered = known && since.offset + 1 >= oldest;
      const missed = recovered ? world.history.filter((pub) => pub.offset > since.offset) : [];
      const sub = {
        recoverable: true,
        positioned: true,
        epoch: world.epoch,
        offset: world.offset,
        was_recovering: Boolean(since?.recover),
        recovered,
        publications: missed,
      };
      const connect = { client: randomUUID(), version: "mock", ping: 25, pong: true };
      socket.send(
        JSON.stringify({ id: command.id, connect: { ...connect, subs: { [CHANNEL]: sub } } }),
      );
      world.sockets.add(socket);
    }
  });
  const ping = setInterval(() => socket.send("{}"), 25_000);
  socket.on("close", () => {
    clearInterval(ping);
    world.sockets.delete(socket);
  });
}

/** Starts on loopback; resolves to the address and a function that stops everything. */
export async function startMock(port = 0) {
  const world = new World();
  const server = createServer((request, response) => void handle(world, request, response));
  const sockets = new WebSocketServer({ server, path: "/connection/websocket" });
  sockets.on("connection", (socket) => talk(world, socket));
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      world.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.env.PORT ?? 8080));
  process.stdout.write(`mock of AlgoTrade on ${url}\n`);
}
