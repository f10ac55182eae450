import { expect, test } from "vitest";
import { Sequencer } from "./sequence";

test("the first event of a session is new wherever the count stands", () => {
  const sequencer = new Sequencer();
  expect(sequencer.accept("a", 41)).toBe("new");
  expect(sequencer.accept("b", 7)).toBe("new");
});

test("repeats are told from what follows, and holes are seen", () => {
  const sequencer = new Sequencer();
  const verdicts = [1, 2, 2, 1, 3, 6, 5, 7].map((n) => sequencer.accept("a", n));
  expect(verdicts).toEqual(["new", "new", "repeat", "repeat", "new", "gap", "repeat", "new"]);
});

test("sessions are counted apart, and a reset begins anew", () => {
  const sequencer = new Sequencer();
  sequencer.accept("a", 5);
  expect(sequencer.accept("b", 1)).toBe("new");
  sequencer.reset();
  expect(sequencer.accept("a", 9)).toBe("new");
});

test("what is remembered is bounded, and the liveliest stay", () => {
  const sequencer = new Sequencer();
  sequencer.accept("kept", 1);
  for (let n = 0; n < 5_000; n += 1) {
    sequencer.accept(`session-${n}`, 1);
    sequencer.accept("kept", n + 2);
  }
  expect(sequencer.accept("kept", 5_001)).toBe("repeat");
  expect(sequencer.accept("session-0", 1)).toBe("new");
});
