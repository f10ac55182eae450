import { expect, test } from "vitest";
import { entryPrice, isOpen, levelsOf, readOrder } from "./orders";
import type { Trade } from "./types";

const open = readOrder({
  order_id: "a",
  action: "SELL",
  order_type: "stop-limit",
  quantity: "0.5",
  stop_price: "99.5",
  limit_price: 99,
  status: "open",
});

test("orders are read whatever form their figures have", () => {
  expect(open).toMatchObject({
    type: "stop_limit",
    quantity: 0.5,
    stopPrice: 99.5,
    status: "OPEN",
  });
  expect(readOrder({ id: "b", side: "buy" })).toMatchObject({ action: "BUY", type: "market" });
  expect(readOrder({ id: "no action" })).toBeNull();
  expect(readOrder(null)).toBeNull();
});

test("open orders and the entry become lines, closed ones don't", () => {
  const filled = readOrder({ id: "b", action: "BUY", limit_price: 1, status: "FILLED" });
  const partly = readOrder({
    id: "c",
    action: "BUY",
    type: "limit",
    limit_price: 2,
    status: "PARTIALLY_FILLED",
  });
  if (!open || !filled || !partly) throw new Error("orders were not read");
  expect([isOpen(open), isOpen(filled), isOpen(partly)]).toEqual([true, false, true]);
  expect(levelsOf([open, filled, partly], 100)).toEqual([
    { price: 99.5, kind: "sell", label: "Sell stop limit" },
    { price: 99, kind: "sell", label: "Sell stop limit" },
    { price: 2, kind: "buy", label: "Buy limit" },
    { price: 100, kind: "entry", label: "Entry" },
  ]);
});

let sequence = 0;
const fill = (
  action: "BUY" | "SELL",
  quantity: number,
  price: number,
  position: number,
): Trade => ({
  trade_id: String((sequence += 1)),
  session_id: "s",
  symbol: "BTCUSD",
  action,
  quantity,
  price,
  status: "FILLED",
  timestamp: "",
  position,
  sequence,
});

test("the entry is the average since the position was last nothing", () => {
  const trades = [
    fill("BUY", 1, 50, 1),
    fill("SELL", 1, 60, 0),
    fill("BUY", 1, 100, 1),
    fill("BUY", 1, 110, 2),
    fill("SELL", 1, 120, 1),
  ].reverse();
  expect(entryPrice(trades, 1)).toBeCloseTo(105, 10);
  expect(entryPrice(trades, 0)).toBeNull();
  // The first buy of the position is on an older page.
  expect(entryPrice([fill("BUY", 1, 110, 5)], 5)).toBeNull();
});
