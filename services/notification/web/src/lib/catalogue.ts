/** The node types that the engine knows, with their handles and fields. */
import groups from "./catalogue.json";
import type { GraphNode } from "./types";

export type HandleKind = "number" | "condition" | "order" | "exit" | "size";

export interface HandleInfo {
  id: string;
  /** Other names that saved graphs use for the same handle. */
  aliases?: string[];
  kind: HandleKind;
  /** May be left open. */
  optional?: boolean;
  /** What enters has no effect; drawn only where an edge uses it. */
  unused?: boolean;
}

export interface FieldInfo {
  key: string;
  kind: "number" | "text" | "boolean" | "choice";
  preset?: number | string | boolean;
  choices?: string[];
  /** What the engine accepts, as a sentence would say it. */
  rule?: string;
}

export interface NodeTypeInfo {
  type: string;
  /** A second form of the same type: timeNode as a window. */
  form?: string;
  about: string;
  inputs: HandleInfo[];
  outputs: HandleInfo[];
  fields: FieldInfo[];
}

export interface NodeGroupInfo {
  title: string;
  types: NodeTypeInfo[];
}

export const CATALOGUE = groups as NodeGroupInfo[];

export const NODE_TYPES: readonly NodeTypeInfo[] = CATALOGUE.flatMap((group) => group.types);

export type NodeLook = "source" | "indicator" | "logic" | "action";

const LOOKS: readonly NodeLook[] = ["source", "indicator", "logic", "action"];
const lookOf = new Map<string, NodeLook>();
for (const [index, group] of CATALOGUE.entries()) {
  for (const { type } of group.types) lookOf.set(type, LOOKS[index] ?? "logic");
}

export function nodeLook(type: string): NodeLook | "other" {
  return lookOf.get(type) ?? "other";
}

/** The type of a node in the form that its data asks for; undefined for an unknown type. */
export function infoOf(node: Pick<GraphNode, "type" | "data">): NodeTypeInfo | undefined {
  const forms = NODE_TYPES.filter((info) => info.type === node.type);
  if (forms.length < 2) return forms[0];
  // timeNode is a window unless it says which figure of the time it gives.
  const window = node.data?.timeType === undefined;
  return forms.find((info) => (info.form === "window") === window);
}

const NAMES: Record<string, string> = {
  smaNode: "SMA",
  emaNode: "EMA",
  wmaNode: "WMA",
  demaNode: "DEMA",
  hullNode: "Hull average",
  rsiNode: "RSI",
  macdNode: "MACD",
  vwapNode: "VWAP",
  cciNode: "CCI",
  atrNode: "ATR",
  adxNode: "ADX",
  sarNode: "Parabolic SAR",
  obvNode: "On-balance volume",
  rocNode: "Rate of change",
  stddevNode: "Standard deviation",
  zscoreNode: "Z-score",
  williamsRNode: "Williams %R",
  ifNode: "If",
  absNode: "Absolute",
  labelNode: "Comment",
};

/** `bollingerBandsNode` -> "Bollinger bands". */
export function typeName(type: string, form?: string): string {
  const known = NAMES[type];
  if (known) return known;
  const words = type
    .replace(/Node$/, "")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  const name = words.charAt(0).toUpperCase() + words.slice(1);
  return form ? `${name} ${form}` : name;
}

/** Ranked: a name that begins with the query, then one that holds it, then its description. */
export function searchTypes(query: string): NodeTypeInfo[] {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [...NODE_TYPES];
  const rank = (info: NodeTypeInfo): number => {
    const name = typeName(info.type, info.form).toLowerCase();
    if (name.startsWith(wanted) || info.type.toLowerCase().startsWith(wanted)) return 0;
    if (name.includes(wanted) || info.type.toLowerCase().includes(wanted)) return 1;
    return info.about.toLowerCase().includes(wanted) ? 2 : 3;
  };
  return NODE_TYPES.map((info) => ({ info, rank: rank(info) }))
    .filter((item) => item.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map((item) => item.info);
}

/** The handle that this name means, whichever of its names it is. */
export function findHandle(
  handles: readonly HandleInfo[],
  name: string | null | undefined,
): HandleInfo | undefined {
  if (!name) return handles.length === 1 ? handles[0] : undefined;
  return handles.find((handle) => handle.id === name || handle.aliases?.includes(name));
}
