/**
 * Order of pushed events. Each session counts its trades and events with one `sequence` from 1,
 * so that a reader recognises a repeat and a hole without asking anybody.
 */

export type Verdict = "new" | "repeat" | "gap";

/** More sessions than a user watches; beyond it the one unseen for longest is forgotten, which
 *  only means that its next event isn't checked against what came before. */
const MAX_SESSIONS = 2_000;

export class Sequencer {
  private readonly last = new Map<string, number>();

  accept(sessionId: string, sequence: number): Verdict {
    const last = this.last.get(sessionId);
    if (last !== undefined && sequence <= last) return "repeat";
    this.last.delete(sessionId);
    this.last.set(sessionId, sequence);
    if (this.last.size > MAX_SESSIONS) {
      const oldest = this.last.keys().next().value;
      if (oldest !== undefined) this.last.delete(oldest);
    }
    return last !== undefined && sequence > last + 1 ? "gap" : "new";
  }

  /** After a break in the stream the next event of each session starts the count anew. */
  reset(): void {
    this.last.clear();
  }
}
