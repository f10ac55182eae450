import { expect, test } from "vitest";
import { parseNumber, percentToRate, validateSession, validateStrategyName } from "./validate";

const GOOD = {
  strategy: "s",
  symbol: "BTCUSD",
  timeframe: "tick",
  balance: "100000",
  fee: "0.1",
  name: "",
};

test("numbers are read as people type them, and nothing else is a number", () => {
  expect(parseNumber("100 000")).toBe(100_000);
  expect(parseNumber("1,000,000.5")).toBe(1_000_000.5);
  expect(parseNumber(".5")).toBe(0.5);
  expect(parseNumber("-5")).toBe(-5);
  for (const text of ["", "a lot", "1e9", "0x10", "1,5", "--1", "Infinity", "1.2.3"]) {
    expect(parseNumber(text)).toBeNull();
  }
});

test("a good form has no errors, and each bad field has its own", () => {
  expect(validateSession(GOOD)).toEqual({});
  const errors = validateSession({ ...GOOD, strategy: "", symbol: "", balance: "-5", fee: "x" });
  expect(Object.keys(errors).sort()).toEqual([
    "fee_rate",
    "initial_balance",
    "strategy_id",
    "symbol",
  ]);
  expect(validateSession({ ...GOOD, fee: "100" })).toHaveProperty("fee_rate");
  expect(validateSession({ ...GOOD, balance: "0" })).toHaveProperty("initial_balance");
  expect(validateSession({ ...GOOD, name: "x".repeat(121) })).toHaveProperty("name");
});

test("a percentage becomes a rate without binary dust", () => {
  expect(percentToRate(0.1)).toBe(0.001);
  expect(percentToRate(0.07)).toBe(0.0007);
  expect(percentToRate(0.29)).toBe(0.0029);
});

test("a strategy needs a name", () => {
  expect(validateStrategyName("  ")).not.toBeNull();
  expect(validateStrategyName("SMA")).toBeNull();
});
