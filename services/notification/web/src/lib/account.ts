/** What belongs to an account: its browsers and API tokens; for operators, the accounts. */
import { queryOptions } from "@tanstack/react-query";
import { request } from "./api";
import { all } from "./queries";
import type { Role } from "./types";

export interface SignedInBrowser {
  id: string;
  user_agent: string;
  created_at: string;
  used_at: string;
  expires_at: string;
}

export type Scope = "read" | "trade";

export interface ApiToken {
  id: string;
  name: string;
  scope: Scope;
  created_at: string;
  used_at: string | null;
  expires_at: string;
}

export interface MadeToken extends ApiToken {
  /** The secret: told this once. */
  api_token: string;
}

export interface Account {
  user_id: string;
  role: Role;
  disabled: boolean;
  created_at: string;
}

export const browsersQuery = queryOptions({
  queryKey: ["browsers"],
  queryFn: ({ signal }) => request<SignedInBrowser[]>("/v1/auth/browsers", { signal }),
});

export const apiTokensQuery = queryOptions({
  queryKey: ["api-tokens"],
  queryFn: ({ signal }) => request<ApiToken[]>("/v1/auth/tokens", { signal }),
});

export const accountsQuery = queryOptions({
  queryKey: ["accounts"],
  queryFn: ({ signal }) => all<Account>("/v1/auth/accounts", signal),
});

const send = <T>(method: string, path: string, body?: unknown) =>
  request<T>(`/v1/auth/${path}`, { method, body });

export const changePassword = (current: string, next: string) =>
  send("POST", "password", { current, new: next });

export const signBrowserOut = (id: string) => send("DELETE", `browsers/${id}`);

export const makeApiToken = (name: string, scope: Scope, days: number) =>
  send<MadeToken>("POST", "tokens", { name, scope, days });

export const revokeApiToken = (id: string) => send("DELETE", `tokens/${id}`);

export const makeAccount = (userId: string, password: string, role: Role) =>
  send<Account>("POST", "accounts", { user_id: userId, password, role });

export const changeAccount = (
  userId: string,
  change: { password?: string; role?: Role; disabled?: boolean },
) => send<Account>("PATCH", `accounts/${encodeURIComponent(userId)}`, change);

/** What a browser says that it is, in few words. */
export function browserName(agent: string): string {
  const system =
    /(Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux)/
      .exec(agent)?.[1]
      ?.replace("CrOS", "ChromeOS") ?? null;
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /OPR\//.test(agent)
      ? "Opera"
      : /Firefox\//.test(agent)
        ? "Firefox"
        : /Chrome\//.test(agent)
          ? "Chrome"
          : /Safari\//.test(agent)
            ? "Safari"
            : null;
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? (agent.trim() || "Unknown");
}
