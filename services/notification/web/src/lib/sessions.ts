import type { Session } from "./types";

/** Neither stopped nor failed: it may still trade. */
export function isActive(session: Pick<Session, "status">): boolean {
  return session.status !== "STOPPED" && session.status !== "ERROR";
}
