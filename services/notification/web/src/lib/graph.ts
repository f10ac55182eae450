/** Strategy graphs as text, as form fields and as diagnostics beside them. */
import type { Diagnostic, Graph, GraphEdge, GraphNode } from "./types";

export type Parsed = { graph: Graph; error: null } | { graph: null; error: string };

/** Accepts a bare graph and the wrapped forms that the older editor saves. */
export function parseGraph(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { graph: null, error: jsonError(text, error) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { graph: null, error: 'Expected an object with "nodes" and "edges".' };
  }
  const object = value as Record<string, unknown>;
  const nodes: unknown = object.nodes ?? object.initialNodes;
  const edges: unknown = object.edges ?? object.initialEdges;
  if (!Array.isArray(nodes)) return { graph: null, error: '"nodes" is missing or not a list.' };
  if (!Array.isArray(edges)) return { graph: null, error: '"edges" is missing or not a list.' };
  for (const [index, node] of nodes.entries()) {
    const candidate = node as Partial<GraphNode> | null;
    if (typeof candidate?.id !== "string" || typeof candidate.type !== "string") {
      return { graph: null, error: `Node ${index + 1} needs an "id" and a "type".` };
    }
  }
  for (const [index, edge] of edges.entries()) {
    const candidate = edge as { source?: unknown; target?: unknown } | null;
    if (typeof candidate?.source !== "string" || typeof candidate.target !== "string") {
      return { graph: null, error: `Edge ${index + 1} needs a "source" and a "target".` };
    }
  }
  // Each item's required fields were just checked.
  const checked = { ...object, nodes: nodes as GraphNode[], edges: edges as GraphEdge[] };
  return { graph: checked, error: null };
}

/** Engines tell the place in different ways, or quote what they stumbled on instead. */
function jsonError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  if (/end of (JSON|data)/i.test(message)) return "This isn't valid JSON: it ends too early.";
  const told = /line (\d+) column (\d+)/.exec(message);
  if (told) return `This isn't valid JSON: look at line ${told[1]}, column ${told[2]}.`;
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return `This isn't valid JSON: ${message}`;
  const before = text.slice(0, Number(position));
  const line = before.split("\n").length;
  return `This isn't valid JSON: look at line ${line}, column ${before.length - before.lastIndexOf("\n")}.`;
}

export function graphText(graph: Graph): string {
  return JSON.stringify(graph, null, 2);
}

export interface Field {
  key: string;
  label: string;
  kind: "number" | "text" | "boolean" | "choice";
  choices?: string[];
  fallback: string | number | boolean;
}

type Kind = "source" | "indicator" | "logic" | "action" | "other";

interface NodeInfo {
  title: string;
  kind: Kind;
  fields: Field[];
}

const number = (key: string, label: string, fallback: number): Field => ({
  key,
  label,
  kind: "number",
  fallback,
});
const choice = (key: string, label: string, choices: string[]): Field => ({
  key,
  label,
  kind: "choice",
  choices,
  fallback: choices[0] ?? "",
});

const OPERATORS = ["greater_than", "less_than", "greater_equal", "less_equal", "equal"];

const INFO: Record<string, NodeInfo> = {
  priceNode: {
    title: "Price",
    kind: "source",
    fields: [choice("priceType", "Price", ["close", "open", "high", "low"])],
  },
  volumeNode: { title: "Volume", kind: "source", fields: [] },
  constantNode: { title: "Constant", kind: "source", fields: [number("value", "Value", 0)] },
  smaNode: { title: "SMA", kind: "indicator", fields: [number("period", "Period", 20)] },
  emaNode: { title: "EMA", kind: "indicator", fields: [number("period", "Period", 12)] },
  rsiNode: { title: "RSI", kind: "indicator", fields: [number("period", "Period", 14)] },
  compareNode: {
    title: "Compare",
    kind: "logic",
    fields: [choice("operator", "Operator", OPERATORS)],
  },
  crossoverNode: {
    title: "Crossover",
    kind: "logic",
    fields: [choice("crossType", "Direction", ["above", "below", "any"])],
  },
  thresholdNode: { title: "Threshold", kind: "logic", fields: [] },
  andNode: { title: "And", kind: "logic", fields: [] },
  orNode: { title: "Or", kind: "logic", fields: [] },
  notNode: { title: "Not", kind: "logic", fields: [] },
  buyNode: {
    title: "Buy",
    kind: "action",
    fields: [
      number("quantity", "Quantity", 100),
      choice("sizeType", "Counted as", ["percent_of_cash", "cash_amount", "units"]),
    ],
  },
  sellNode: {
    title: "Sell",
    kind: "action",
    fields: [
      number("quantity", "Quantity", 100),
      choice("sizeType", "Counted as", ["percent_of_position", "units", "cash_amount"]),
    ],
  },
};

export function nodeTitle(node: GraphNode): string {
  const label = node.data?.label;
  if (typeof label === "string" && label) return label;
  return INFO[node.type]?.title ?? node.type.replace(/Node$/, "");
}

export function nodeKind(node: GraphNode): Kind {
  return INFO[node.type]?.kind ?? "other";
}

function labelOf(key: string): string {
  const words = key
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The editable values of a node: those its type is known for, then whatever else it carries. */
export function nodeFields(node: GraphNode): Field[] {
  const fields = [...(INFO[node.type]?.fields ?? [])];
  for (const [key, value] of Object.entries(node.data ?? {})) {
    if (key === "label" || fields.some((field) => field.key === key)) continue;
    const label = labelOf(key);
    if (typeof value === "number") fields.push({ key, label, kind: "number", fallback: value });
    else if (typeof value === "boolean")
      fields.push({ key, label, kind: "boolean", fallback: value });
    else if (typeof value === "string") fields.push({ key, label, kind: "text", fallback: value });
  }
  return fields;
}

export function fieldValue(node: GraphNode, field: Field): string | number | boolean {
  const value = node.data?.[field.key];
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return field.fallback;
}

export function setNodeData(graph: Graph, nodeId: string, key: string, value: unknown): Graph {
  const nodes = graph.nodes.map((node) =>
    node.id === nodeId ? { ...node, data: { ...node.data, [key]: value } } : node,
  );
  return { ...graph, nodes };
}

const SIZES: Record<string, string> = {
  percent_of_cash: "$% of cash",
  percent_of_position: "$% of position",
  cash_amount: "for $ in cash",
  units: "$ units",
  "": "$",
};

/** A node in one line: "period 10", "above". */
export function nodeSummary(node: GraphNode): string {
  if (nodeKind(node) === "action") {
    const [amount, type] = [node.data?.quantity, node.data?.sizeType].map((value) =>
      typeof value === "number" || typeof value === "string" ? String(value) : "",
    );
    return (SIZES[type ?? ""] ?? "$ units").replace("$", amount || "100");
  }
  const parts: string[] = [];
  for (const field of nodeFields(node).slice(0, 2)) {
    const value = String(fieldValue(node, field)).replace(/_/g, " ");
    parts.push(field.kind === "choice" ? value : `${field.label.toLowerCase()} ${value}`);
  }
  return parts.join(" · ");
}

export interface Located {
  /** By node id; the key "" has those of the whole graph. */
  byNode: Map<string, Diagnostic[]>;
  errors: number;
  warnings: number;
}

export function locate(diagnostics: readonly Diagnostic[]): Located {
  const byNode = new Map<string, Diagnostic[]>();
  let errors = 0;
  let warnings = 0;
  for (const diagnostic of diagnostics) {
    if (diagnostic.severity === "error") errors += 1;
    if (diagnostic.severity === "warning") warnings += 1;
    const key = diagnostic.node ?? "";
    const list = byNode.get(key);
    if (list) list.push(diagnostic);
    else byNode.set(key, [diagnostic]);
  }
  return { byNode, errors, warnings };
}

/**
 * Positions for a graph that has none: columns by longest path from a source. Nodes on a cycle
 * never settle; the number of rounds is therefore limited by the number of nodes.
 */
export function layout(graph: Graph): Map<string, { x: number; y: number }> {
  const placed = new Map<string, { x: number; y: number }>();
  const drawn = graph.nodes.every(
    (node) => Number.isFinite(node.position?.x) && Number.isFinite(node.position?.y),
  );
  if (drawn) {
    for (const node of graph.nodes) placed.set(node.id, node.position ?? { x: 0, y: 0 });
    return placed;
  }
  const column = new Map(graph.nodes.map((node) => [node.id, 0]));
  for (let round = 0; round < graph.nodes.length; round += 1) {
    let moved = false;
    for (const edge of graph.edges) {
      const wanted = (column.get(edge.source) ?? 0) + 1;
      if ((column.get(edge.target) ?? wanted) < wanted && wanted <= graph.nodes.length) {
        column.set(edge.target, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const filled = new Map<number, number>();
  for (const node of graph.nodes) {
    const x = column.get(node.id) ?? 0;
    const row = filled.get(x) ?? 0;
    filled.set(x, row + 1);
    placed.set(node.id, { x: x * 230, y: row * 110 });
  }
  return placed;
}
