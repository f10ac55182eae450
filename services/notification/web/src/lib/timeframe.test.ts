import { expect, test } from "vitest";
import { isTimeframe, parts, timeframeError, timeframeLabel, written } from "./timeframe";

test("a timeframe is a name, or a kind and an amount", () => {
  expect(parts("5m")).toEqual(["5m", ""]);
  expect(parts("volume:2.5")).toEqual(["volume", "2.5"]);
  for (const text of ["tick", "4h", "ticks:100", "range:x"]) expect(isTimeframe(text)).toBe(true);
  for (const text of ["", "2m", "ticks:", "renko:5"]) expect(isTimeframe(text)).toBe(false);
});

test("what can't close a bar is told, and the rest is left to the server", () => {
  for (const text of ["tick", "1d", "ticks:1", "ticks:1,000,000", "volume:0.25", "range:10"])
    expect(timeframeError(text)).toBeUndefined();
  for (const text of ["ticks:0", "ticks:1.5", "ticks:1000001", "volume:", "volume:-1", "range:x"])
    expect(timeframeError(text)).toMatch(/^Enter a/);
});

test("amounts are sent as the server reads them", () => {
  expect(written("ticks:1,000")).toBe("ticks:1000");
  expect(written("volume:.5")).toBe("volume:0.5");
  expect(written("1m")).toBe("1m");
  expect(written("range:x")).toBe("range:x");
});

test("in words", () => {
  expect(["tick", "1m", "ticks:100", "volume:2.5", "range:25"].map(timeframeLabel)).toEqual([
    "every trade",
    "1m bars",
    "bars of 100 trades",
    "bars of 2.5 volume",
    "range bars of 25",
  ]);
});
