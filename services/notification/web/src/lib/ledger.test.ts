import { expect, test } from "vitest";
import { addEquity, addEvent, addTrades, EMPTY_LEDGER, MAX_TRADES, performance } from "./ledger";
import type { EquityPoint, SessionEvent, Trade } from "./types";

const at = (sequence: number) => new Date(1_764_043_200_000 + sequence * 1_000).toISOString();

function trade(sequence: number, more: Partial<Trade> = {}): Trade {
  return {
    trade_id: `t${sequence}`,
    session_id: "s",
    symbol: "BTCUSD",
    action: sequence % 4 === 1 ? "BUY" : "SELL",
    quantity: 1,
    price: 100 + sequence,
    status: "FILLED",
    timestamp: at(sequence),
    cash: 1_000 - sequence,
    position: 1,
    sequence,
    ...more,
  };
}

function point(sequence: number, equity = 1_000): EquityPoint {
  return { timestamp: at(sequence), price: 100, cash: equity, position: 0, equity, sequence };
}

function event(sequence: number, kind: SessionEvent["event"]): SessionEvent {
  const base = {
    session_id: "s",
    symbol: "BTCUSD",
    event: kind,
    sequence,
    timestamp: at(sequence),
  };
  if (kind !== "EQUITY") return base;
  const { price, cash, position, equity } = point(sequence);
  return { ...base, equity: { price, cash, position, equity } };
}

/** A small generator with a seed, so that a failing order can be seen again. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed;
  for (let i = result.length - 1; i > 0; i -= 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

test("the ledger is the same in whatever order snapshot and pushes arrive, repeats included", () => {
  const steps = Array.from({ length: 40 }, (_, index) => index + 1);
  const apply = (ledger: typeof EMPTY_LEDGER, sequence: number) => {
    if (sequence === 40) return addEvent(ledger, event(sequence, "SESSION_STOPPED"));
    return sequence % 2
      ? addTrades(ledger, [trade(sequence)])
      : addEvent(ledger, event(sequence, "EQUITY"));
  };
  const expected = steps.reduce(apply, EMPTY_LEDGER);
  for (let seed = 1; seed <= 25; seed += 1) {
    const order = shuffled([...steps, ...steps.slice(10, 30)], seed);
    const half = order.slice(0, 20).reduce(apply, EMPTY_LEDGER);
    const snapshot = addTrades(
      addEquity(
        half,
        steps.filter((n) => n % 2 === 0 && n < 30).map((n) => point(n)),
      ),
      steps.filter((n) => n % 2 === 1 && n < 30).map((n) => trade(n)),
    );
    expect(order.slice(20).reduce(apply, snapshot)).toEqual(expected);
  }
});

test("trades stand newest first, equity oldest first", () => {
  const ledger = addEquity(addTrades(EMPTY_LEDGER, [trade(1), trade(3)]), [point(4), point(2)]);
  expect(ledger.trades.map((item) => item.sequence)).toEqual([3, 1]);
  expect(ledger.equity.map((item) => item.sequence)).toEqual([2, 4]);
  expect(ledger.latest?.sequence).toBe(4);
});

test("an older position or status never replaces a newer one", () => {
  let ledger = addTrades(EMPTY_LEDGER, [trade(9)]);
  ledger = addEvent(ledger, event(10, "SESSION_STOPPED"));
  ledger = addEvent(addTrades(ledger, [trade(5)]), event(1, "SESSION_STARTED"));
  expect(ledger.latest?.cash).toBe(991);
  expect(ledger.status?.value).toBe("STOPPED");
});

test("what is kept is bounded, and the oldest go", () => {
  const many = Array.from({ length: MAX_TRADES + 10 }, (_, index) => trade(index + 1));
  const ledger = addTrades(EMPTY_LEDGER, many);
  expect(ledger.trades).toHaveLength(MAX_TRADES);
  expect(ledger.trades[0]?.sequence).toBe(MAX_TRADES + 10);
});

test("performance counts closed trades and the deepest fall from a peak", () => {
  const trades = [
    trade(1, { action: "BUY" }),
    trade(2, { action: "SELL", realized_pnl: 5 }),
    trade(3, { action: "SELL", realized_pnl: -1 }),
    trade(4, { action: "SELL", realized_pnl: 9, status: "REJECTED" }),
  ];
  const curve = [100, 120, 90, 110, 130].map((equity, index) => point(10 + index, equity));
  const result = performance(addEquity(addTrades(EMPTY_LEDGER, trades), curve));
  expect(result).toEqual({ wins: 1, closed: 2, winRate: 0.5, maxDrawdownPct: 25 });
  expect(performance(EMPTY_LEDGER)).toMatchObject({ winRate: null, maxDrawdownPct: null });
});
