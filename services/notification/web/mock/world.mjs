/** Everything that the stand-in knows, and its random market. */
import { randomUUID } from "node:crypto";
import { crossover } from "./strategies.mjs";

export const USER = "guest";
export const CHANNEL = `user:${USER}`;
const BASES = { BTCUSD: 87_786.04, ETHUSD: 2_931.55, SOLUSD: 136.42 };
export const now = () => new Date().toISOString();
export const round = (value, digits = 2) => Number(value.toFixed(digits));

/** Terms as the server keeps them. */
function keptTerms({ fill_model, slippage, latency, gap, fees, risk, cost_method }) {
  const market = { fill_model, slippage, latency, gap, fees };
  const plain = Object.values({ ...market, risk, cost_method }).every((part) => part === undefined);
  return plain ? null : { market, risk, cost_method };
}

/** Made anew for each server, so that tests don't share it. */
export class World {
  prices = new Map(Object.entries(BASES));
  ticks = new Map(Object.keys(BASES).map((symbol) => [symbol, []]));
  streams = new Set();
  sockets = new Set();
  sessions = new Map();
  orders = new Map();
  versions = new Map();
  backtests = new Map();
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

  /** `seconds` of history with a trade in each; `updates` of each market a second. */
  constructor({ seconds = 1_200, updates = 5 } = {}) {
    const start = Date.now() - seconds * 1000;
    const demo = this.addStrategy({ name: "SMA 10/30", kind: "graph", source: crossover(10, 30) });
    const session = this.addSession({
      strategy_id: demo.id,
      symbol: "BTCUSD",
      timeframe: "tick",
      initial_balance: 100_000,
      fee_rate: 0.001,
      name: "Demo: SMA crossover on BTC",
    });
    for (let second = 0; second < seconds; second += 1) {
      for (const symbol of this.prices.keys()) this.step(symbol, start + second * 1000);
      if (second % 40 === 39) this.trade(session, start + second * 1000 + 500);
      if (second % 200 === 150) this.reject(session, start + second * 1000 + 600);
      if (second % 5 === 4) this.mark(session, start + second * 1000 + 700);
    }
    const last = this.prices.get(session.symbol);
    this.order(session, { action: "BUY", order_type: "limit", limit_price: round(last * 0.998) });
    this.order(session, { action: "SELL", order_type: "stop", stop_price: round(last * 0.996) });
    this.timers = [
      setInterval(() => {
        for (const symbol of this.prices.keys()) this.step(symbol, Date.now());
      }, 1_000 / updates),
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
    this.versions.set(id, [strategy]);
    return strategy;
  }

  addSession(body) {
    const strategy = this.strategies.get(body.strategy_id);
    const session = {
      id: randomUUID(),
      strategy_version: strategy.version,
      strategy_name: strategy.name,
      ...body,
      terms: keptTerms(body),
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
    this.orders.set(session.id, []);
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

  order(session, body) {
    const order = {
      order_id: randomUUID(),
      session_id: session.id,
      quantity: "0.25",
      filled_quantity: "0",
      ...body,
      status: body.order_type === "market" ? "FILLED" : "OPEN",
      created_at: now(),
    };
    this.orders.get(session.id).unshift(order);
    if (body.order_type === "market") this.trade(session, Date.now(), "Order by hand");
    return order;
  }

  reject(session, at) {
    session.sequence += 1;
    const price = this.prices.get(session.symbol);
    this.record(session, at, {
      action: "BUY",
      quantity: 1.07539477,
      price,
      status: "REJECTED",
      reason:
        "insufficient cash: 1.07539477 BTC at 87,712.24 cost 94,325.28 and their fee 94.33, " +
        "but only 49,874.12 is free; lower the quantity or wait for the sale",
    });
  }

  trade(session, at, why) {
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
    const [low, high] = [round(price * 0.9999), round(price * 1.0001)];
    const reason = buy
      ? `cross-up: SMA(10) ${high} crossed above SMA(30) ${low}`
      : `cross-down: SMA(10) ${low} crossed below SMA(30) ${high}`;
    this.record(session, at, {
      action: buy ? "BUY" : "SELL",
      quantity,
      price,
      status: "FILLED",
      fee,
      slippage: 0,
      realized_pnl: pnl,
      reason: why ?? reason,
    });
  }

  record(session, at, what) {
    const trade = {
      trade_id: randomUUID(),
      session_id: session.id,
      symbol: session.symbol,
      timestamp: new Date(at).toISOString(),
      user_id: USER,
      strategy_id: session.strategy_id,
      cash: session.cash,
      position: session.position,
      ...what,
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

  become(session, status, event) {
    session.status = status;
    if (status === "STOPPED") session.stopped_at = now();
    session.sequence += 1;
    this.event(session, event, { reason: "by the user" });
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
