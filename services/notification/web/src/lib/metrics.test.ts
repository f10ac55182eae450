import { expect, test } from "vitest";
import { figuresOf } from "./metrics";

test("figures are read as numbers or as text, once each, and unknown ones are left out", () => {
  const figures = figuresOf({
    sharpe: "1.234",
    sharpe_ratio: 2,
    win_rate: 0.625,
    max_drawdown_pct: "4.5",
    profit_factor: null,
    something_new: 7,
    costs: { fees: 12.5 },
  });
  expect(figures.map(({ label, text }) => [label, text])).toEqual([
    ["Max drawdown", "4.50%"],
    ["Sharpe", "1.23"],
    ["Win rate", "62.5%"],
    ["Fees", "12.50"],
  ]);
  expect(figuresOf(null)).toEqual([]);
});
