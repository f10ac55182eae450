import { expect, test } from "vitest";
import * as format from "./format";

// The reader's locale decides on separators; digits and signs are what is ours.
const digits = (text: string) => text.replace(/[^\d\u2212+%–]/g, "");

test("prices have fixed decimals by their size, so that updates don't jump", () => {
  expect(digits(format.price(87_786.04))).toBe("8778604");
  expect(digits(format.price(87_786))).toBe("8778600");
  expect(format.priceDecimals(136.4)).toBe(2);
  expect(format.priceDecimals(2.5)).toBe(4);
  expect(format.priceDecimals(0.00001234)).toBe(8);
});

test("signs are shown, with a minus as wide as a digit, and zero has none", () => {
  expect(digits(format.signedMoney(-3.5))).toBe("\u2212350");
  expect(digits(format.signedMoney(3.5))).toBe("+350");
  expect(digits(format.signedPercent(0))).toBe("000%");
  expect(format.tone(-1)).toBe("down");
  expect(format.tone(null)).toBe("flat");
});

test("what isn't there is a dash, never NaN", () => {
  for (const show of [format.price, format.money, format.quantity, format.signedPercent]) {
    expect(show(undefined)).toBe("–");
    expect(show(Number.NaN)).toBe("–");
  }
  expect(format.clock("not a time")).toBe("–");
});

test("quantities keep eight decimals and can be aligned", () => {
  expect(digits(format.quantity(0.00028194))).toBe("000028194");
  expect(digits(format.quantity(0.5, 3))).toBe("0500");
  expect(format.decimalsOf([1, 0.25, 0.5642643])).toBe(7);
  expect(format.decimalsOf([])).toBe(0);
});

test("spans, rates and pairs read as words", () => {
  expect(format.span(59_400)).toBe("59 s");
  expect(format.span(300_000)).toBe("5 min");
  expect(format.span(11_520_000)).toBe("3 h 12 min");
  expect(digits(format.rate(0.001))).toBe("01%");
  expect(format.pair("BTCUSD")).toBe("BTC/USD");
  expect(format.pair("ETHBTC")).toBe("ETH/BTC");
  expect(format.pair("WHATEVER", "WHAT-EVER")).toBe("WHAT/EVER");
});
