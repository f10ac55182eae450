/**
 * Who the page is. By default a guest: a token is asked for at start and kept in memory only.
 * Where guests are switched off, a pasted token is kept for the life of the tab.
 */
import { configureAuth, explain, Problem, request } from "./api";
import { Store } from "./store";

const STORAGE_KEY = "algotrade.token";
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 10_000;

export type Auth =
  | { state: "signing-in" }
  | { state: "unreachable"; detail: string }
  | { state: "needs-token"; detail: string | null }
  | { state: "signed-in"; userId: string; guest: boolean };

export const auth = new Store<Auth>({ state: "signing-in" });

let token: string | null = null;
let renewing: Promise<boolean> | null = null;

export function currentToken(): string | null {
  return token;
}

function storedToken(): string | null {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function storeToken(value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, value);
  } catch {
    // Without storage the token lives until the page is reloaded.
  }
}

async function asGuest(): Promise<void> {
  const answer = await request<{ token: string; user_id: string }>("/v1/auth/guest", {
    method: "POST",
    retryAuth: false,
  });
  token = answer.token;
  auth.set({ state: "signed-in", userId: answer.user_id, guest: true });
}

async function withToken(value: string): Promise<void> {
  token = value;
  const me = await request<{ user_id: string }>("/v1/auth/me", { retryAuth: false });
  storeToken(value);
  auth.set({ state: "signed-in", userId: me.user_id, guest: false });
}

function refused(error: unknown): error is Problem {
  return error instanceof Problem && (error.status === 401 || error.status === 403);
}

/** Signs in; while the server can't be reached it tries for as long as the page is open. */
export async function signIn(): Promise<void> {
  for (let delay = RETRY_MIN_MS; ; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
    try {
      const stored = storedToken();
      if (stored) await withToken(stored);
      else await asGuest();
      return;
    } catch (error) {
      token = null;
      if (refused(error)) {
        if (storedToken()) {
          // The kept token is no longer good: perhaps guests are welcome.
          storeToken(null);
          continue;
        }
        auth.set({ state: "needs-token", detail: null });
        return;
      }
      auth.set({ state: "unreachable", detail: explain(error) });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Takes a pasted token; throws a Problem when it isn't accepted. */
export async function signInWithToken(value: string): Promise<void> {
  try {
    await withToken(value.trim());
  } catch (error) {
    token = null;
    throw error;
  }
}

/** Forgets the pasted token and begins anew. */
export function signOut(): void {
  storeToken(null);
  window.location.assign("/");
}

/** A fresh token after a 401; concurrent callers share one attempt. */
export function renewToken(): Promise<boolean> {
  renewing ??= (async () => {
    try {
      if (storedToken()) throw new Problem(401, { detail: "This token is no longer valid." });
      token = null;
      await asGuest();
      return true;
    } catch (error) {
      if (refused(error)) {
        storeToken(null);
        token = null;
        auth.set({ state: "needs-token", detail: explain(error) });
      }
      return false;
    } finally {
      renewing = null;
    }
  })();
  return renewing;
}

configureAuth(currentToken, renewToken);
