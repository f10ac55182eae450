/** Changes of a graph, each a new graph: so that undoing one is going back to the old one. */
import { graphlib, layout as dagre } from "@dagrejs/dagre";
import { findHandle, infoOf, typeName, type HandleKind, type NodeTypeInfo } from "./catalogue";
import type { Graph, GraphEdge, GraphNode } from "./types";

export interface Point {
  x: number;
  y: number;
}

const NODE_WIDTH = 176;
const NODE_HEIGHT = 60;
const PORT_HEIGHT = 18;
const GRID = 10;

export function snapped({ x, y }: Point): Point {
  return { x: Math.round(x / GRID) * GRID, y: Math.round(y / GRID) * GRID };
}

/** `sma-3`: readable, since diagnostics and reasons of signals name nodes by their ids. */
export function freshId(graph: Graph, type: string): string {
  const stem = type
    .replace(/Node$/, "")
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase();
  const taken = new Set(graph.nodes.map((node) => node.id));
  for (let count = 1; ; count += 1) {
    const id = `${stem}-${count}`;
    if (!taken.has(id)) return id;
  }
}

/** A node with its type's presets written out, so that what runs is what one sees. */
export function addNode(graph: Graph, info: NodeTypeInfo, at: Point): { graph: Graph; id: string } {
  const id = freshId(graph, info.type);
  const data: Record<string, unknown> = {};
  for (const field of info.fields) {
    // The window form of timeNode is the one without `timeType`; its presets say nothing of it.
    if (field.preset !== undefined) data[field.key] = field.preset;
  }
  if (info.type === "buyNode") Object.assign(data, { sizeType: "percent_of_cash", quantity: 50 });
  if (info.type === "sellNode") data.sizeType = "percent_of_position";
  const node: GraphNode = { id, type: info.type, position: snapped(at), data };
  return { graph: { ...graph, nodes: [...graph.nodes, node] }, id };
}

export function removeItems(
  graph: Graph,
  nodes: ReadonlySet<string>,
  edges: ReadonlySet<string>,
): Graph {
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => !nodes.has(node.id)),
    edges: graph.edges.filter(
      (edge, index) =>
        !nodes.has(edge.source) && !nodes.has(edge.target) && !edges.has(edgeId(edge, index)),
    ),
  };
}

export function edgeId(edge: GraphEdge, index: number): string {
  return edge.id ?? `edge-${index}`;
}

export interface Connection {
  source: string;
  sourceHandle: string | null;
  target: string;
  targetHandle: string | null;
}

function kinds(graph: Graph, connection: Connection): [HandleKind?, HandleKind?] {
  const source = graph.nodes.find((node) => node.id === connection.source);
  const target = graph.nodes.find((node) => node.id === connection.target);
  const out = findHandle((source && infoOf(source))?.outputs ?? [], connection.sourceHandle);
  const into = findHandle((target && infoOf(target))?.inputs ?? [], connection.targetHandle);
  return [out?.kind, into?.kind];
}

/** Whether the engine would take this edge: what it gives is what is asked for there. */
export function canConnect(graph: Graph, connection: Connection): boolean {
  if (connection.source === connection.target || reaches(graph, connection)) return false;
  const [out, into] = kinds(graph, connection);
  // A type that this page doesn't know is the compiler's business.
  if (out === undefined || into === undefined) return true;
  // Stops and targets lead to the sale that they are; a size to its buy.
  if (into === "condition") return out !== "number";
  return out === into;
}

/** Whether the edge would close a circle. */
function reaches(graph: Graph, { source, target }: Connection): boolean {
  const seen = new Set([target]);
  const queue = [target];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (node === source) return true;
    for (const edge of graph.edges) {
      if (edge.source !== node || seen.has(edge.target)) continue;
      seen.add(edge.target);
      queue.push(edge.target);
    }
  }
  return false;
}

/** An input that takes one number gives up its old edge; conditions are gathered. */
export function connect(graph: Graph, connection: Connection): Graph {
  const target = graph.nodes.find((node) => node.id === connection.target);
  const inputs = (target && infoOf(target))?.inputs ?? [];
  const handle = findHandle(inputs, connection.targetHandle);
  const many = target?.type === "andNode" || target?.type === "orNode";
  const isSame = (edge: GraphEdge) =>
    edge.target === connection.target &&
    (findHandle(inputs, edge.targetHandle)?.id ?? edge.targetHandle) ===
      (handle?.id ?? connection.targetHandle) &&
    (!many || edge.source === connection.source);
  const { source, sourceHandle, target: to, targetHandle } = connection;
  const ids = new Set(graph.edges.map((edge, index) => edgeId(edge, index)));
  let id = `${source}-${to}-${targetHandle ?? ""}`;
  while (ids.has(id)) id += "'";
  const edge: GraphEdge = { id, source, sourceHandle, target: to, targetHandle };
  return { ...graph, edges: [...graph.edges.filter((item) => !isSame(item)), edge] };
}

export function moveNodes(graph: Graph, positions: ReadonlyMap<string, Point>): Graph {
  const nodes = graph.nodes.map((node) => {
    const position = positions.get(node.id);
    return position ? { ...node, position: snapped(position) } : node;
  });
  return { ...graph, nodes };
}

/** The chosen nodes and the edges between them. */
export function pick(graph: Graph, ids: ReadonlySet<string>): Graph {
  return {
    nodes: graph.nodes.filter((node) => ids.has(node.id)),
    edges: graph.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target)),
  };
}

const PASTE_OFFSET = 40;

/** Puts a copy of a part into a graph, a little aside, under new ids. */
export function paste(graph: Graph, part: Graph): { graph: Graph; ids: string[] } {
  const renamed = new Map<string, string>();
  let next = graph;
  for (const node of part.nodes) {
    const id = freshId(next, node.type);
    renamed.set(node.id, id);
    const { x, y } = node.position ?? { x: 0, y: 0 };
    const position = { x: x + PASTE_OFFSET, y: y + PASTE_OFFSET };
    next = { ...next, nodes: [...next.nodes, { ...structuredClone(node), id, position }] };
  }
  for (const edge of part.edges) {
    const source = renamed.get(edge.source);
    const target = renamed.get(edge.target);
    if (source === undefined || target === undefined) continue;
    const id = `${source}-${target}-${edge.targetHandle ?? ""}`;
    next = { ...next, edges: [...next.edges, { ...edge, id, source, target }] };
  }
  return { graph: next, ids: [...renamed.values()] };
}

export function isPlaced(graph: Graph): boolean {
  return graph.nodes.every(
    (node) => Number.isFinite(node.position?.x) && Number.isFinite(node.position?.y),
  );
}

/** Names of handles stand below each other where there are several. */
function heightOf(node: GraphNode): number {
  const info = infoOf(node);
  const inputs = info?.inputs.filter((handle) => !handle.unused).length ?? 0;
  const rows = Math.max(inputs, info?.outputs.length ?? 0);
  return rows > 1 ? NODE_HEIGHT + rows * PORT_HEIGHT : NODE_HEIGHT;
}

/** Columns from left to right with few crossings. Edges to nowhere are the compiler's to report. */
export function arranged(graph: Graph): Graph {
  const sheet = new graphlib.Graph({ multigraph: true });
  sheet.setGraph({ rankdir: "LR", nodesep: 34, ranksep: 70 });
  sheet.setDefaultEdgeLabel(() => ({}));
  const ids = new Set(graph.nodes.map((node) => node.id));
  for (const node of graph.nodes) {
    sheet.setNode(node.id, { width: NODE_WIDTH, height: heightOf(node) });
  }
  for (const [index, edge] of graph.edges.entries()) {
    if (ids.has(edge.source) && ids.has(edge.target)) {
      sheet.setEdge(edge.source, edge.target, {}, String(index));
    }
  }
  dagre(sheet);
  const positions = new Map<string, Point>();
  for (const id of ids) {
    const { x, y, height } = sheet.node(id) as Point & { height: number };
    positions.set(id, { x: x - NODE_WIDTH / 2, y: y - height / 2 });
  }
  return moveNodes(graph, positions);
}

export function placed(graph: Graph): Graph {
  return isPlaced(graph) ? graph : arranged(graph);
}

/** What changed between two versions, node by node, in words. */
export function graphChanges(before: Graph, after: Graph): string[] {
  const changes: string[] = [];
  const old = new Map(before.nodes.map((node) => [node.id, node]));
  for (const node of after.nodes) {
    const was = old.get(node.id);
    old.delete(node.id);
    if (!was) {
      changes.push(`+ ${typeName(node.type)} ${node.id}`);
      continue;
    }
    const keys = new Set([...Object.keys(was.data ?? {}), ...Object.keys(node.data ?? {})]);
    for (const key of keys) {
      const [from, to] = [was.data?.[key], node.data?.[key]].map((item) => JSON.stringify(item));
      if (from !== to) changes.push(`~ ${node.id}: ${key} ${from ?? "unset"} → ${to ?? "unset"}`);
    }
    if (was.type !== node.type) changes.push(`~ ${node.id}: ${was.type} → ${node.type}`);
  }
  for (const node of old.values()) changes.push(`- ${typeName(node.type)} ${node.id}`);
  const line = (edge: GraphEdge) =>
    `${edge.source}.${edge.sourceHandle ?? ""} → ${edge.target}.${edge.targetHandle ?? ""}`;
  const lines = new Set(before.edges.map(line));
  for (const edge of after.edges) if (!lines.delete(line(edge))) changes.push(`+ ${line(edge)}`);
  for (const gone of lines) changes.push(`- ${gone}`);
  return changes;
}
