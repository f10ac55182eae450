import { expect, test } from "vitest";
import { currentValues, outputKey, valueKind, valueText } from "./node-values";

const DATA = {
  session_id: "s",
  strategy_version: 1,
  running: true,
  evaluations: 3,
  outputs: [
    { node: "sma", output: "sma-out", value: 1.5 },
    { node: "cross", output: "cross-out", value: false },
    { node: "rsi", output: "rsi-out", value: null },
  ],
};

test("values are found by node and output", () => {
  const values = currentValues({ data: DATA, dataUpdatedAt: 5, errorUpdatedAt: 0 });
  expect(values.get(outputKey("sma", "sma-out"))).toBe(1.5);
  expect(values.get(outputKey("cross", "cross-out"))).toBe(false);
  expect(values.get(outputKey("sma", "other"))).toBeUndefined();
});

test("a failed read or two keep the values, more of them don't", () => {
  const at = (errorUpdatedAt: number) =>
    currentValues({ data: DATA, dataUpdatedAt: 1_000, errorUpdatedAt }).size;
  expect(at(3_000)).toBe(3);
  expect(at(12_000)).toBe(0);
  expect(currentValues({ data: undefined, dataUpdatedAt: 0, errorUpdatedAt: 0 }).size).toBe(0);
});

test("numbers are formatted, conditions are words, and no value is a dash", () => {
  expect(valueText(1.5).replace(/\D/g, "")).toBe("15000");
  expect([valueText(true), valueText(false)]).toEqual(["true", "false"]);
  expect([valueText(null), valueText(undefined)]).toEqual(["–", "–"]);
  expect([1, true, false, null, undefined].map(valueKind)).toEqual([
    "number",
    "true",
    "false",
    "none",
    "none",
  ]);
});
