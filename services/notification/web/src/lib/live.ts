/**
 * The user's events over the Centrifuge protocol. The server subscribes every connection to
 * `user:<id>`; after a cut the client library asks for what it missed, and if the server can't
 * give all of it (`recovered: false`), pages load their state again.
 */
import type { Centrifuge } from "centrifuge";
import { currentToken, renewToken } from "./auth";
import { Sequencer } from "./sequence";
import { Store } from "./store";
import type { Push } from "./types";

export type LiveState = "connecting" | "connected" | "reconnecting" | "closed";

export const liveState = new Store<LiveState>("connecting");

type PushListener = (push: Push) => void;
/** Of one session after a hole in its sequence; of everything (null) after a lost stream. */
type ReloadListener = (sessionId: string | null) => void;

const pushListeners = new Set<PushListener>();
const reloadListeners = new Set<ReloadListener>();
const sequencer = new Sequencer();
let client: Centrifuge | null = null;

export function onPush(listener: PushListener): () => void {
  pushListeners.add(listener);
  return () => pushListeners.delete(listener);
}

export function onReload(listener: ReloadListener): () => void {
  reloadListeners.add(listener);
  return () => reloadListeners.delete(listener);
}

function reload(sessionId: string | null): void {
  for (const listener of [...reloadListeners]) listener(sessionId);
}

function isPush(data: unknown): data is Push {
  if (typeof data !== "object" || data === null) return false;
  const { event, payload } = data as { event?: unknown; payload?: unknown };
  return typeof event === "string" && typeof payload === "object" && payload !== null;
}

/** Drops repeats, reports holes, and hands the rest on in the order of arrival. */
export function receive(data: unknown): void {
  if (!isPush(data)) return;
  let gap: string | null = null;
  if (data.event === "trade-execution" || data.event === "forward-test-event") {
    const { session_id: sessionId, sequence } = data.payload;
    if (typeof sequence === "number") {
      const verdict = sequencer.accept(sessionId, sequence);
      if (verdict === "repeat") return;
      if (verdict === "gap") gap = sessionId;
    }
  }
  for (const listener of [...pushListeners]) listener(data);
  if (gap !== null) reload(gap);
}

export async function connectLive(): Promise<void> {
  if (client) return;
  const { Centrifuge, UnauthorizedError } = await import("centrifuge");
  // Another call may have come first while the module was loading.
  if (client) return;
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  client = new Centrifuge(`${scheme}://${window.location.host}/connection/websocket`, {
    token: currentToken() ?? "",
    name: "dashboard",
    minReconnectDelay: 300,
    maxReconnectDelay: 8_000,
    getToken: async () => {
      if (!(await renewToken())) {
        if (currentToken() === null) throw new UnauthorizedError("signed out");
        throw new Error("the token could not be renewed");
      }
      return currentToken() ?? "";
    },
  });
  let connectedBefore = false;
  client.on("connecting", () => liveState.set(connectedBefore ? "reconnecting" : "connecting"));
  client.on("connected", () => {
    connectedBefore = true;
    liveState.set("connected");
  });
  client.on("disconnected", () => liveState.set("closed"));
  client.on("subscribed", (context) => {
    if (context.wasRecovering && context.recovered) return;
    // The first subscription as well: what happened between a page's first answer and this
    // moment was pushed to nobody.
    sequencer.reset();
    reload(null);
  });
  client.on("publication", (context) => receive(context.data));
  // Without a listener the library's errors would surface as unhandled ones; each leads to a
  // reconnect, which the state above shows.
  client.on("error", () => undefined);
  client.connect();
}

export function disconnectLive(): void {
  client?.disconnect();
  client = null;
}
