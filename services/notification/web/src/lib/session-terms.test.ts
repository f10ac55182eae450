import { expect, test } from "vitest";
import { feeText, termsInWords } from "./session-terms";

test("plain terms need no words", () => {
  expect(termsInWords(null)).toEqual([]);
  expect(feeText(0.001, null)).toBe("fee 0.1%");
  const plain = { market: { fill_model: { kind: "next_trade" }, gap: "wait" }, risk: {} };
  expect(termsInWords(plain)).toEqual([]);
});

test("terms are told as the server keeps them", () => {
  const terms = {
    market: {
      fill_model: { kind: "volume", share: "0.1", queue: "0" },
      slippage: { kind: "proportional", rate: "0.0005" },
      latency: { kind: "uniform", min_ms: 50, max_ms: 200, seed: 1 },
      fees: { maker: "0.004", taker: "0.006" },
      gap: "reject",
    },
    risk: { max_order: "1000", max_drawdown: "15", max_position: null, action: "halt" },
    cost_method: "fifo",
  };
  expect(feeText(0, terms)).toBe("fees 0.4% maker, 0.6% taker");
  expect(termsInWords(terms)).toEqual([
    ["Orders fill", "at most 10% of what is traded"],
    ["Slippage", "0.05% of the price"],
    ["Latency", "50 to 200 ms"],
    ["In a gap of the feed", "orders are rejected"],
    ["Cost of a position", "first in, first out"],
    ["Limits", "orders up to 1,000.00 USD, 15% below the highest equity; then the session halts"],
  ]);
});
