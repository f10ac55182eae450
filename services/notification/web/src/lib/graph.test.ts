import { expect, test } from "vitest";
import { locate, nodeFields, nodeSummary, parseGraph, setNodeData } from "./graph";
import type { Diagnostic, Graph } from "./types";

const GRAPH: Graph = {
  nodes: [
    { id: "price", type: "priceNode" },
    { id: "sma", type: "smaNode", data: { period: 10, label: "Fast" } },
    { id: "buy", type: "buyNode", data: { quantity: 95, sizeType: "percent_of_cash" } },
  ],
  edges: [
    { source: "price", target: "sma" },
    { source: "sma", target: "buy" },
  ],
};

test("graphs are read bare and wrapped, and unknown keys survive", () => {
  expect(parseGraph(JSON.stringify({ ...GRAPH, viewport: { zoom: 1 } })).graph).toMatchObject({
    viewport: { zoom: 1 },
  });
  const wrapped = { name: "x", initialNodes: GRAPH.nodes, initialEdges: GRAPH.edges };
  expect(parseGraph(JSON.stringify(wrapped)).graph?.nodes).toHaveLength(3);
});

test("what can't be read is said with its place", () => {
  expect(parseGraph('{\n  "nodes": [1 2]\n}').error).toMatch(/line 2/);
  expect(parseGraph('{"nodes": [,]}').error).toMatch(/isn't valid JSON.*,/);
  expect(parseGraph('{"nodes": [').error).toMatch(/ends too early/);
  expect(parseGraph("[]").error).toMatch(/object/);
  expect(parseGraph('{"nodes": []}').error).toMatch(/edges/);
  expect(parseGraph('{"nodes": [{"id": 1}], "edges": []}').error).toMatch(/Node 1/);
  expect(parseGraph('{"nodes": [null], "edges": []}').error).toMatch(/Node 1/);
  expect(parseGraph('{"nodes": [], "edges": [{}]}').error).toMatch(/Edge 1/);
});

test("fields are those of the type and whatever else the node carries", () => {
  const node = { id: "x", type: "smaNode", data: { repeat: true, note: "n", nested: {} } };
  expect(nodeFields(node).map(({ key, kind }) => [key, kind])).toEqual([
    ["period", "number"],
    ["repeat", "boolean"],
    ["note", "text"],
  ]);
  expect(nodeSummary({ id: "b", type: "buyNode", data: GRAPH.nodes[2]?.data ?? {} })).toBe(
    "95% of cash",
  );
});

test("a value is changed in a copy", () => {
  const next = setNodeData(GRAPH, "sma", "period", 30);
  expect(next.nodes[1]?.data).toEqual({ period: 30, label: "Fast" });
  expect(GRAPH.nodes[1]?.data?.period).toBe(10);
});

test("diagnostics are found by node, those of the whole graph under no name", () => {
  const item = (node: string | null, severity: Diagnostic["severity"]): Diagnostic => ({
    code: "c",
    severity,
    node,
    field: null,
    message: "m",
  });
  const found = locate([item("sma", "error"), item(null, "warning"), item("sma", "notice")]);
  expect(found.byNode.get("sma")).toHaveLength(2);
  expect(found.byNode.get("")).toHaveLength(1);
  expect([found.errors, found.warnings]).toEqual([1, 1]);
});
