/** Undo and redo over whole values; changes that come quickly one after another are one step. */

export interface History<T> {
  past: readonly T[];
  present: T;
  future: readonly T[];
  /** What the last change was about, so that typing a number is one step. */
  topic: string | null;
}

const MAX_STEPS = 200;

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [], topic: null };
}

export function change<T>(history: History<T>, next: T, topic: string | null = null): History<T> {
  if (Object.is(next, history.present)) return history;
  const joined = topic !== null && topic === history.topic && history.past.length > 0;
  const past = joined ? history.past : [...history.past, history.present].slice(-MAX_STEPS);
  return { past, present: next, future: [], topic };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  const { past, present, future } = history;
  return { past: past.slice(0, -1), present: before, future: [present, ...future], topic: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future, topic: null };
}
