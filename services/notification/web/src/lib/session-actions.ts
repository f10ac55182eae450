/** What a user does to a session. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request } from "./api";
import { newKey, readSession, sessionPath } from "./queries";
import type { Session } from "./types";

export type Command = "stop" | "pause" | "resume";

/** A command whose answer is the session as it then is. */
export function useCommand(id: string, command: Command) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      request<Session | undefined>(sessionPath(id, `/${command}`), { method: "POST" }),
    onSuccess: (session) => {
      if (session?.id === id) client.setQueryData(["sessions", id], readSession(session));
      else void client.invalidateQueries({ queryKey: ["sessions", id], exact: true });
      void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
    },
  });
}

export function useClone(id: string, done: (id: string) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      request<Session>(sessionPath(id, "/clone"), {
        method: "POST",
        body: {},
        headers: { "idempotency-key": newKey() },
      }),
    onSuccess: (session) => {
      void client.invalidateQueries({ queryKey: ["sessions"], exact: true });
      done(session.id);
    },
  });
}

export interface ManualOrder {
  action: "BUY" | "SELL";
  order_type: string;
  quantity: number;
  quantity_type: string;
  limit_price?: number;
  stop_price?: number;
  time_in_force?: string;
}

export function useManualOrder(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ order, key }: { order: ManualOrder; key: string }) =>
      request<unknown>(sessionPath(id, "/orders"), {
        method: "POST",
        body: order,
        headers: { "idempotency-key": key },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["sessions", id] }),
  });
}

export function useCancelOrder(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (order: string) =>
      request<unknown>(sessionPath(id, `/orders/${encodeURIComponent(order)}`), {
        method: "DELETE",
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ["sessions", id, "orders"] }),
  });
}
