/** Strategy graphs as text, as form fields and as diagnostics beside them. */
import { infoOf, typeName } from "./catalogue";
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
  /** What the engine accepts. */
  rule?: string;
}

/** What a size counts where the graph doesn't say: the engine reads it so, and tells. */
const IMPLIED: Record<string, string> = {
  buyNode: "percent_of_cash",
  sellNode: "percent_of_position",
};

/** The name that its author gave it, or that of its type. */
export function nodeTitle(node: GraphNode): string {
  const label = node.data?.label;
  if (typeof label === "string" && label) return label;
  return typeName(node.type, infoOf(node)?.form);
}

function labelOf(key: string): string {
  const words = key
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function knownFields(node: GraphNode): Field[] {
  return (infoOf(node)?.fields ?? []).map(({ key, kind, preset, choices, rule }) => ({
    key,
    kind,
    label: labelOf(key),
    fallback: preset ?? (key === "sizeType" ? IMPLIED[node.type] : undefined) ?? "",
    ...(choices && { choices }),
    ...(rule && { rule }),
  }));
}

/** The editable values of a node: those its type is known for, then whatever else it carries. */
export function nodeFields(node: GraphNode): Field[] {
  const fields = knownFields(node);
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
};

/** A node in one line: "period 10", "above". */
export function nodeSummary(node: GraphNode): string {
  const fields = nodeFields(node);
  const shown = (key: string) => {
    const field = fields.find((item) => item.key === key);
    return field ? String(fieldValue(node, field)) : "";
  };
  if (node.type === "buyNode" || node.type === "sellNode") {
    return (SIZES[shown("sizeType")] ?? "$ units").replace("$", shown("quantity"));
  }
  const parts: string[] = [];
  for (const field of fields.slice(0, 2)) {
    const value = shown(field.key).replace(/_/g, " ");
    if (value === "") continue;
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
