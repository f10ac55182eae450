import { expect, test } from "vitest";
import { EMPTY_TERMS, readTerms, riskSummary, summary, type TermsForm } from "./terms";

const read = (change: Partial<TermsForm>) => readTerms({ ...EMPTY_TERMS, ...change });

test("what is the default anyway isn't sent", () => {
  expect(read({})).toEqual({ terms: {}, errors: {} });
});

test("each part is sent as the server has it, percentages as fractions", () => {
  expect(
    read({ fill: "quote", stale: "reject", latency: "fixed", slippage: "fixed" }).terms,
  ).toEqual({
    fill_model: { kind: "quote", max_age_ms: 1000, stale: "reject", max_wait_seconds: 60 },
    latency: { kind: "fixed", ms: 50 },
    slippage: { kind: "fixed", amount: 0.5 },
  });
  expect(
    read({
      fill: "volume",
      share: "7",
      fees: "maker_taker",
      maker: "0.07",
      slippage: "square_root",
      latency: "uniform",
      gap: "reject",
      costMethod: "fifo",
    }).terms,
  ).toEqual({
    fill_model: { kind: "volume", share: 0.07, queue: 0 },
    fees: { maker: 0.0007, taker: 0.006 },
    slippage: { kind: "square_root", rate: 0.0005 },
    latency: { kind: "uniform", min_ms: 50, max_ms: 200, seed: 1 },
    gap: "reject",
    cost_method: "fifo",
  });
  expect(read({ fees: "coinbase" }).terms).toEqual({ fees: { preset: "coinbase" } });
});

test("limits are sent where they are given, with what they do", () => {
  const { terms, errors } = read({ maxOrder: "1,000", maxDrawdown: "15", riskAction: "halt" });
  expect(errors).toEqual({});
  expect(terms.risk).toEqual({ max_order: 1000, max_drawdown: 15, action: "halt" });
});

test("what is wrong is named as the server names it", () => {
  const wrong: [Partial<TermsForm>, string][] = [
    [{ fill: "quote", maxAge: "1.5" }, "fill_model.max_age_ms"],
    [{ fill: "volume", share: "0" }, "fill_model.share"],
    [{ fill: "volume", share: "101" }, "fill_model.share"],
    [{ fees: "maker_taker", maker: "11" }, "fees.maker"],
    [{ fees: "maker_taker", taker: "x" }, "fees.taker"],
    [{ slippage: "proportional", slippageRate: "-1" }, "slippage.rate"],
    [{ latency: "uniform", latencyMs: "10", latencyMax: "5" }, "latency.max_ms"],
    [{ maxPosition: "0" }, "risk.max_position"],
    [{ maxOrdersPerMinute: "2.5" }, "risk.max_orders_per_minute"],
    [{ maxDrawdown: "101" }, "risk.max_drawdown"],
  ];
  for (const [change, field] of wrong) {
    expect(Object.keys(read(change).errors)).toEqual([field]);
  }
  // What isn't shown isn't checked.
  expect(read({ share: "x", latencyMs: "x" }).errors).toEqual({});
});

test("a folded part says what is in it", () => {
  expect(summary(EMPTY_TERMS)).toBe("fills at the next trade's price");
  expect(summary({ ...EMPTY_TERMS, fill: "volume", latency: "fixed" })).toBe(
    "10% of what is traded, latency",
  );
  expect(riskSummary(EMPTY_TERMS)).toBe("none");
  expect(riskSummary({ ...EMPTY_TERMS, maxOrder: "5" })).toBe("1 limit");
});
