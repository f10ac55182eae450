/** Routes: method and path pattern -> (world, match, query, body) -> [status, body]. */
import { compile, nodeValues, templates } from "./strategies.mjs";
import { targetRoutes } from "./targets.mjs";
import { now, round, USER } from "./world.mjs";

export class Refused extends Error {
  constructor(status, code, detail, more = {}) {
    super(detail);
    this.body = { type: "about:blank", title: code, status, code, detail, ...more };
  }
}

export const missing = () => new Refused(404, "not_found", "There is nothing with this id.");

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

let redriven = false;

const list = (items) => ({ items, next_cursor: null });

export const ROUTES = [
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
      return [200, { user_id: USER, role: "user", operator: true }];
    },
  ],
  [
    "GET /v1/status",
    () => [
      200,
      { version: "0.1.0", mode: "embedded", feed: "simulator", guest: true, email: true },
    ],
  ],
  [
    "GET /v1/ops/health",
    () => {
      const timestamp = now();
      const ready = (service, lag) => ({
        service,
        status: "ready",
        timestamp,
        latency_ms: 3,
        lag,
        waiting_ms: lag === null ? null : 0,
      });
      const late = { status: "kafka: not reachable", lag: 1_204, waiting_ms: 8_200 };
      const services = [
        ready("market-data", null),
        ready("strategy", 0),
        ready("forward-test", 12),
      ];
      return [200, list([...services, { ...ready("notification", 0), ...late }])];
    },
  ],
  [
    "GET /v1/ops/dead-letters",
    () => {
      const topic = "trade-executions.notification-service.dlq";
      const letters = { topic, source: "trade-executions", group: "notification-service" };
      const times = { oldest: now(), newest: now() };
      return [
        200,
        list([{ ...letters, class: "transient", letters: 4, pending: redriven ? 0 : 3, ...times }]),
      ];
    },
  ],
  [
    "POST /v1/ops/dead-letters/([^/]+)/redrive",
    () => {
      redriven = true;
      return [200, { redriven: 3, already: 1, held_back: 0, misplaced: 0, executed: true }];
    },
  ],
  ["GET /v1/notifications", (world) => [200, list(world.notices)]],
  ...targetRoutes(Refused),
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
  ["POST /v1/strategies/compile", (_world, _match, _query, body) => [200, compile(body)]],
  [
    "POST /v1/strategies",
    (world, _match, _query, body) => {
      const { ok, diagnostics } = compile(body);
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
      world.versions.get(id).unshift(next);
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
  [
    "GET /v1/strategies/([^/]+)/sessions/([^/]+)/values",
    (world, [strategyId, id]) => {
      const session = find(world, id);
      const strategy = world.strategies.get(strategyId);
      if (!strategy || session.strategy_id !== strategyId) throw missing();
      return [200, nodeValues(session, strategy, world.prices.get(session.symbol))];
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
      setTimeout(() => world.become(session, "STOPPED", "SESSION_STOPPED"), 400);
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
  [
    "POST /v1/sessions/([^/]+)/pause",
    (world, [id]) => {
      world.become(find(world, id), "PAUSED", "SESSION_PAUSED");
      return [202, find(world, id)];
    },
  ],
  [
    "POST /v1/sessions/([^/]+)/resume",
    (world, [id]) => {
      world.become(find(world, id), "RUNNING", "SESSION_RESUMED");
      return [202, find(world, id)];
    },
  ],
  [
    "POST /v1/sessions/([^/]+)/clone",
    (world, [id]) => {
      const { strategy_id, symbol, timeframe, initial_balance, fee_rate, name } = find(world, id);
      const body = { strategy_id, symbol, timeframe, initial_balance, fee_rate };
      return [201, world.addSession({ ...body, name: `${name} (copy)` })];
    },
  ],
  ["GET /v1/sessions/([^/]+)/orders", (world, [id]) => [200, list(world.orders.get(id) ?? [])]],
  [
    "POST /v1/sessions/([^/]+)/orders",
    (world, [id], _query, body) => {
      if (body.quantity === 13) {
        const detail = "The server refuses this quantity.";
        throw new Refused(422, "unlucky", detail, { field: "quantity" });
      }
      return [201, world.order(find(world, id), body)];
    },
  ],
  [
    "DELETE /v1/sessions/([^/]+)/orders/([^/]+)",
    (world, [id, order]) => {
      const found = (world.orders.get(id) ?? []).find((item) => item.order_id === order);
      if (!found) throw missing();
      found.status = "CANCELLED";
      return [204];
    },
  ],
  [
    "GET /v1/sessions/([^/]+)/metrics",
    (world, [id]) => {
      const session = find(world, id);
      const figures = { sharpe: "1.42", sortino: "2.05", calmar: "3.1", profit_factor: "1.31" };
      const shares = { win_rate: "0.54", exposure: "0.48", max_drawdown_pct: "1.92" };
      const money = { expectancy: "12.4", average_win: "61.2", average_loss: "-43.9" };
      return [200, { ...figures, ...shares, ...money, fees: session.fees.toFixed(8) }];
    },
  ],
  [
    "GET /v1/strategies/([^/]+)/versions",
    (world, [id]) => {
      const versions = world.versions.get(id) ?? [];
      const brief = versions.map(({ version, kind, updated_at: at }) => ({
        version,
        kind,
        plan_hash: `mock-${version}`,
        created_at: at,
      }));
      return [200, list(brief)];
    },
  ],
  [
    "GET /v1/strategies/([^/]+)/versions/([^/]+)",
    (world, [id, number]) => {
      const found = world.versions.get(id)?.find((item) => item.version === Number(number));
      if (!found) throw missing();
      return [200, { ...found, plan_hash: `mock-${number}`, created_at: found.updated_at }];
    },
  ],
  [
    "POST /v1/backtests",
    (world, _match, _query, body) => {
      const id = `backtest-${world.backtests.size + 1}`;
      world.backtests.set(id, backtest(world, body));
      return [202, { id, status: "QUEUED" }];
    },
  ],
  [
    "GET /v1/backtests/([^/]+)",
    (world, [id]) => {
      const result = world.backtests.get(id);
      if (!result) throw missing();
      return [200, { id, status: "DONE", result }];
    },
  ],
  [
    "DELETE /v1/backtests/([^/]+)",
    (world, [id]) => {
      world.backtests.delete(id);
      return [204];
    },
  ],
  [
    "GET /v1/ticks/([^/]+)",
    (world, [symbol], query) => {
      const limit = Number(query.get("limit") ?? 100);
      return [200, list((world.ticks.get(symbol) ?? []).slice(-limit))];
    },
  ],
];

/** Buys and sells in turn over the market's past. */
function backtest(world, { kind, source, symbol, initial_balance: initial, fee_rate: rate = 0 }) {
  if (!kind || source === undefined)
    throw new Refused(422, "strategy_unclear", "There is no strategy.", { field: "strategy_id" });
  const ticks = world.ticks.get(symbol);
  if (!ticks)
    throw new Refused(422, "unknown_symbol", "This market isn't known.", { field: "symbol" });
  const trades = [];
  const equity = [];
  let cash = initial;
  let position = 0;
  for (const [index, { price, timestamp }] of ticks.entries()) {
    if (index % 40 === 39) {
      const buy = position === 0;
      const quantity = buy ? round((cash * 0.5) / price, 8) : position;
      const fee = round(quantity * price * rate, 8);
      cash += (buy ? -1 : 1) * quantity * price - fee;
      position = buy ? quantity : 0;
      trades.push({
        action: buy ? "BUY" : "SELL",
        quantity,
        price,
        status: "FILLED",
        timestamp,
        fee,
        realized_pnl: buy ? 0 : 12.5,
        reason: "cross-up",
        sequence: index,
      });
    }
    if (index % 5 === 0) equity.push({ time: timestamp, value: round(cash + position * price) });
  }
  const final = equity.at(-1).value;
  const run = {
    parameters: {},
    fills: trades.length,
    wins: trades.length >> 1,
    losses: 0,
    fees: trades.reduce((sum, { fee }) => sum + fee, 0),
    max_drawdown_pct: 1.5,
    final_equity: final,
    return_pct: (final / initial - 1) * 100,
  };
  return { ticks: ticks.length, gaps: 0, runs: [run], equity, trades, trades_omitted: 0 };
}

/** As the services describe themselves: so that the page shows what is there. */
export function openapi() {
  const paths = {};
  for (const [pattern] of ROUTES) {
    const [method, path] = pattern.split(" ");
    const name = path.replace(/\(\[\^\/\]\+\)/g, "{id}");
    paths[name] = { ...paths[name], [method.toLowerCase()]: {} };
  }
  return { openapi: "3.1.0", paths };
}

function find(world, id) {
  const session = world.sessions.get(id);
  if (!session) throw missing();
  return session;
}
