import { expect, test } from "vitest";
import { begin, change, redo, undo } from "./history";

test("steps go back and forth, and a change after going back drops what was ahead", () => {
  let history = change(change(begin("a"), "b"), "c");
  history = undo(history);
  expect(history.present).toBe("b");
  expect(redo(history).present).toBe("c");
  const other = change(history, "d");
  expect(redo(other).present).toBe("d");
  expect(undo(undo(undo(other))).present).toBe("a");
});

test("changes about the same thing are one step, until something comes between", () => {
  let history = change(change(begin("1"), "12", "period"), "123", "period");
  expect(undo(history).present).toBe("1");
  history = change(change(history, "x"), "1234", "period");
  expect(undo(history).present).toBe("x");
});
