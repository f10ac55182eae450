/** What the nodes of a running session's strategy give at the moment. */
import { queryOptions } from "@tanstack/react-query";
import { Problem, request } from "./api";
import { price } from "./format";

/** Null for no value: the node has seen too little, or no order depends on it. */
export type NodeValue = number | boolean | null;

export interface NodeValues {
  session_id: string;
  strategy_version: number;
  /** False between two places, and after the session's end. */
  running: boolean;
  evaluations: number;
  outputs: { node: string; output: string; value: NodeValue }[];
}

/** By node and output; see `outputKey`. */
export type ValuesByOutput = ReadonlyMap<string, NodeValue>;

const EVERY_MS = 1_000;
/** Values older than this aren't "at the moment" any more. */
const STALE_MS = 10_000;
const NONE: ValuesByOutput = new Map();

export const outputKey = (node: string, output: string) => `${node}\n${output}`;

export const nodeValuesQuery = (strategyId: string, sessionId: string) =>
  queryOptions({
    queryKey: ["strategies", strategyId, "values", sessionId],
    queryFn: ({ signal }) => {
      const strategy = encodeURIComponent(strategyId);
      const session = encodeURIComponent(sessionId);
      const path = `/v1/strategies/${strategy}/sessions/${session}/values`;
      return request<NodeValues>(path, { signal });
    },
    // The next one comes soon enough. A server without this is asked once.
    retry: false,
    refetchInterval: ({ state: { error } }) =>
      error instanceof Problem && error.status === 404 ? false : EVERY_MS,
  });

/** What is known of the moment: nothing, where the last answer is too old. */
export function currentValues({
  data,
  dataUpdatedAt,
  errorUpdatedAt,
}: {
  data: NodeValues | undefined;
  dataUpdatedAt: number;
  errorUpdatedAt: number;
}): ValuesByOutput {
  if (!data || errorUpdatedAt - dataUpdatedAt > STALE_MS) return NONE;
  return new Map(data.outputs.map(({ node, output, value }) => [outputKey(node, output), value]));
}

/** As it stands on an edge. */
export function valueText(value: NodeValue | undefined): string {
  return typeof value === "boolean" ? String(value) : price(value ?? null);
}

export function valueKind(value: NodeValue | undefined): "number" | "true" | "false" | "none" {
  if (typeof value === "boolean") return value ? "true" : "false";
  return typeof value === "number" ? "number" : "none";
}
