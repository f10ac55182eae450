/**
 * Who the page is. Signed in with a password, its session is in a cookie that no script reads, and
 * the token that it asks for with it is kept in memory only; so is a guest's. Where neither is to be
 * had, a pasted token is kept for the life of the tab.
 */
import { configureAuth, explain, Problem, request } from "./api";
import { Store } from "./store";
import type { Role } from "./types";

const TOKEN_KEY = "algotrade.token";
/** Says that there was a sign-in with a password here: else no cookie is tried. */
const ACCOUNT_KEY = "algotrade.account";
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 10_000;

/** What the page is signed in with. */
export type Means = "guest" | "token" | "account";

export type Auth =
  | { state: "signing-in" }
  | { state: "unreachable"; detail: string }
  | { state: "needs-sign-in"; detail: string | null }
  | { state: "signed-in"; userId: string; role: Role; means: Means };

interface Answer {
  token: string;
  user_id: string;
}

export const auth = new Store<Auth>({ state: "signing-in" });

let token: string | null = null;
let renewing: Promise<boolean> | null = null;

export function currentToken(): string | null {
  return token;
}

function read(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function write(storage: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // Without storage it lasts until the page is reloaded.
  }
}

const storedToken = () => read(() => sessionStorage, TOKEN_KEY);
const storeToken = (value: string | null) => write(() => sessionStorage, TOKEN_KEY, value);
const hasAccount = () => read(() => localStorage, ACCOUNT_KEY) !== null;
const rememberAccount = (there: boolean) =>
  write(() => localStorage, ACCOUNT_KEY, there ? "1" : null);

async function ask(path: string, body?: unknown): Promise<string> {
  const answer = await request<Answer>(path, { method: "POST", body, retryAuth: false });
  return answer.token;
}

async function take(value: string, means: Means): Promise<void> {
  token = value;
  const me = await request<{ user_id: string; operator?: boolean }>("/v1/auth/me", {
    retryAuth: false,
  });
  if (means === "token") storeToken(value);
  auth.set({
    state: "signed-in",
    userId: me.user_id,
    role: me.operator ? "operator" : "user",
    means,
  });
}

/** By what there is: a token of this tab, the browser's session, or as a guest. */
async function begin(): Promise<void> {
  const stored = storedToken();
  if (stored) await take(stored, "token");
  else if (hasAccount()) await take(await ask("/v1/auth/refresh"), "account");
  else await take(await ask("/v1/auth/guest"), "guest");
}

function refused(error: unknown): error is Problem {
  return error instanceof Problem && (error.status === 401 || error.status === 403);
}

/** Forgets what was no good; false where there was nothing but the guest. */
function forget(): boolean {
  token = null;
  if (storedToken()) storeToken(null);
  else if (hasAccount()) rememberAccount(false);
  else return false;
  return true;
}

/** Signs in; while the server can't be reached it tries for as long as the page is open. */
export async function signIn(): Promise<void> {
  for (let delay = RETRY_MIN_MS; ; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
    try {
      await begin();
      return;
    } catch (error) {
      token = null;
      if (refused(error)) {
        // What was kept is no longer good: perhaps guests are welcome.
        if (forget()) continue;
        auth.set({ state: "needs-sign-in", detail: null });
        return;
      }
      auth.set({ state: "unreachable", detail: explain(error) });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Signs in with a password; throws a Problem when it isn't accepted. */
export async function signInWithPassword(userId: string, password: string): Promise<void> {
  const value = await ask("/v1/auth/sign-in", { user_id: userId, password });
  storeToken(null);
  rememberAccount(true);
  await take(value, "account");
}

/** Takes a pasted token; throws a Problem when it isn't accepted. */
export async function signInWithToken(value: string): Promise<void> {
  try {
    await take(value.trim(), "token");
  } catch (error) {
    token = null;
    throw error;
  }
}

/** Ends the session of this browser, forgets the token, and begins anew. */
export async function signOut(): Promise<void> {
  if (hasAccount()) await request("/v1/auth/sign-out", { method: "POST", retryAuth: false });
  storeToken(null);
  rememberAccount(false);
  window.location.assign("/");
}

/** A fresh token after a 401; concurrent callers share one attempt. */
export function renewToken(): Promise<boolean> {
  renewing ??= (async () => {
    try {
      if (storedToken()) throw new Problem(401, { detail: "This token is no longer valid." });
      const path = hasAccount() ? "/v1/auth/refresh" : "/v1/auth/guest";
      token = null;
      token = await ask(path);
      return true;
    } catch (error) {
      if (refused(error)) {
        forget();
        auth.set({ state: "needs-sign-in", detail: explain(error) });
      }
      return false;
    } finally {
      renewing = null;
    }
  })();
  return renewing;
}

configureAuth(currentToken, renewToken);
