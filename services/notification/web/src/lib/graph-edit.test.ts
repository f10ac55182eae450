import { expect, test } from "vitest";
import { NODE_TYPES } from "./catalogue";
import {
  addNode,
  arranged,
  canConnect,
  connect,
  freshId,
  graphChanges,
  paste,
  pick,
  placed,
  removeItems,
} from "./graph-edit";
import type { Graph } from "./types";

const GRAPH: Graph = {
  nodes: [
    { id: "price-1", type: "priceNode" },
    { id: "sma-1", type: "smaNode", data: { period: 10 } },
    { id: "compare-1", type: "compareNode", data: { operator: "greater_than" } },
    { id: "buy-1", type: "buyNode" },
  ],
  edges: [
    { id: "a", source: "price-1", sourceHandle: "price-out", target: "sma-1", targetHandle: "price-in" }, // prettier-ignore
    { id: "b", source: "sma-1", sourceHandle: "sma-out", target: "compare-1", targetHandle: "value-in" }, // prettier-ignore
  ],
};
const line = (source: string, sourceHandle: string, target: string, targetHandle: string) => ({
  source,
  sourceHandle,
  target,
  targetHandle,
});

test("every type can be added, with a readable id and its presets", () => {
  let graph = GRAPH;
  for (const info of NODE_TYPES) graph = addNode(graph, info, { x: 3, y: 7 }).graph;
  expect(new Set(graph.nodes.map((node) => node.id)).size).toBe(
    GRAPH.nodes.length + NODE_TYPES.length,
  );
  expect(freshId(GRAPH, "smaNode")).toBe("sma-2");
  expect(graph.nodes.find((node) => node.id === "macd-1")?.data).toEqual({
    fastPeriod: 12,
    slowPeriod: 26,
    signalPeriod: 9,
  });
});

test("only what the engine takes can be connected", () => {
  expect(canConnect(GRAPH, line("price-1", "price-out", "compare-1", "value2-in"))).toBe(true);
  expect(canConnect(GRAPH, line("compare-1", "result-out", "buy-1", "trigger-in"))).toBe(true);
  expect(canConnect(GRAPH, line("sma-1", "sma-out", "buy-1", "trigger-in"))).toBe(false);
  expect(canConnect(GRAPH, line("compare-1", "result-out", "sma-1", "price-in"))).toBe(false);
  expect(canConnect(GRAPH, line("sma-1", "sma-out", "sma-1", "price-in"))).toBe(false);
});

test("an input gives up its old edge, by whichever of its names, and gates gather theirs", () => {
  const next = connect(GRAPH, line("price-1", "price-out", "compare-1", "value1-in"));
  expect(next.edges.map((edge) => edge.source)).toEqual(["price-1", "price-1"]);
  const gate = { ...GRAPH, nodes: [...GRAPH.nodes, { id: "and-1", type: "andNode" }] };
  let both = connect(gate, line("compare-1", "result-out", "and-1", "input-a"));
  both = connect(both, line("other", "cross-out", "and-1", "input-a"));
  expect(both.edges.filter((edge) => edge.target === "and-1")).toHaveLength(2);
});

test("removing a node takes its edges along", () => {
  const next = removeItems(GRAPH, new Set(["sma-1"]), new Set());
  expect([next.nodes.length, next.edges.length]).toEqual([3, 0]);
  expect(removeItems(GRAPH, new Set(), new Set(["a"])).edges.map((edge) => edge.id)).toEqual(["b"]);
});

test("a pasted part has new ids, its inner edges, and is a copy", () => {
  const part = pick(GRAPH, new Set(["price-1", "sma-1"]));
  const { graph, ids } = paste(GRAPH, part);
  expect(ids).toEqual(["price-2", "sma-2"]);
  expect(graph.edges.at(-1)).toMatchObject({ source: "price-2", target: "sma-2" });
  expect(graph.nodes.at(-1)?.data).toEqual({ period: 10 });
  expect(graph.nodes.at(-1)?.data).not.toBe(GRAPH.nodes[1]?.data);
});

test("nodes are arranged from left to right, a circle and an edge to nowhere included", () => {
  const edges = [...GRAPH.edges, { source: "compare-1", target: "price-1" }, { source: "x", target: "y" }]; // prettier-ignore
  const [price, average] = arranged({ ...GRAPH, edges }).nodes;
  expect(Number.isFinite(price?.position?.x)).toBe(true);
  expect(average?.position?.y).toBeDefined();
  const plain = arranged(GRAPH).nodes;
  expect(plain[0]?.position?.x).toBeLessThan(plain[1]?.position?.x ?? 0);
  expect(placed(arranged(GRAPH))).toEqual(arranged(GRAPH));
});

test("changes between versions are told node by node", () => {
  const after = removeItems(GRAPH, new Set(["buy-1"]), new Set(["b"]));
  const changed = {
    ...after,
    nodes: after.nodes.map((node) =>
      node.id === "sma-1" ? { ...node, data: { period: 20 } } : node,
    ),
  };
  expect(graphChanges(GRAPH, changed)).toEqual([
    "~ sma-1: period 10 → 20",
    "- Buy buy-1",
    "- sma-1.sma-out → compare-1.value-in",
  ]);
  expect(graphChanges(GRAPH, GRAPH)).toEqual([]);
});
