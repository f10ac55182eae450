import { Handle, Position, type Node, type NodeProps } from "@xyflow/react";
import { findHandle, infoOf, nodeLook, type HandleInfo } from "../lib/catalogue";
import { locate, nodeSummary, nodeTitle } from "../lib/graph";
import type { Diagnostic, Graph, Severity } from "../lib/types";

export interface NodeData extends Record<string, unknown> {
  title: string;
  summary: string;
  look: string;
  severity: Severity | null;
  messages: string[];
  inputs: Port[];
  outputs: Port[];
}

interface Port {
  id: string;
  label: string;
  kind: string;
  optional: boolean;
}

function worst(diagnostics: readonly Diagnostic[]): Severity | null {
  if (diagnostics.some((item) => item.severity === "error")) return "error";
  if (diagnostics.some((item) => item.severity === "warning")) return "warning";
  return diagnostics.length > 0 ? "notice" : null;
}

const labelOf = (id: string) => id.replace(/-(in|out)$/, "").replace(/-/g, " ");

/** Those that the type has, and whatever else an edge uses. */
function ports(known: readonly HandleInfo[], used: ReadonlySet<string>): Port[] {
  const shown = known.filter((handle) => !handle.unused || used.has(handle.id));
  const found = shown.map(({ id, kind, optional = false, unused = false }) => ({
    id,
    kind,
    label: labelOf(id),
    optional: optional || unused,
  }));
  for (const id of used) {
    if (!known.some((handle) => handle.id === id)) {
      found.push({ id, kind: "number", label: labelOf(id), optional: true });
    }
  }
  return found;
}

export function flowNodes(
  graph: Graph,
  diagnostics: readonly Diagnostic[],
  selected: ReadonlySet<string>,
): Node<NodeData>[] {
  const { byNode } = locate(diagnostics);
  return graph.nodes.map((node) => {
    const info = infoOf(node);
    const used = (end: "source" | "target", handles: readonly HandleInfo[]) =>
      new Set(
        graph.edges
          .filter((edge) => edge[end] === node.id)
          .map((edge) => edge[`${end}Handle`])
          .map((name) => findHandle(handles, name)?.id ?? name ?? "default"),
      );
    const [inputs, outputs] = [info?.inputs ?? [], info?.outputs ?? []];
    const found = byNode.get(node.id) ?? [];
    const title = nodeTitle(node);
    return {
      id: node.id,
      type: "strategy",
      position: node.position ?? { x: 0, y: 0 },
      selected: selected.has(node.id),
      ariaLabel: `${title}, ${node.id}`,
      data: {
        title,
        summary: nodeSummary(node),
        look: nodeLook(node.type),
        severity: worst(found),
        messages: found.map((item) => item.message),
        inputs: ports(inputs, used("target", inputs)),
        outputs: ports(outputs, used("source", outputs)),
      },
    };
  });
}

function StrategyNode({ data, selected, isConnectable }: NodeProps<Node<NodeData>>) {
  const { inputs, outputs, severity, messages } = data;
  const rows = Math.max(inputs.length, outputs.length);
  // A name is needed only where there is a choice.
  const named = rows > 1;
  const side = (list: Port[], type: "source" | "target") =>
    list.map((port, index) => (
      <Handle
        key={port.id}
        id={port.id}
        type={type}
        position={type === "target" ? Position.Left : Position.Right}
        className={`port ${port.kind} ${port.optional ? "optional" : ""}`}
        style={{ top: named ? 44 + index * 18 : "50%" }}
        isConnectable={isConnectable}
        title={`${port.label}: ${port.kind}`}
      />
    ));
  return (
    <div
      className={`flow-node ${data.look} ${severity ?? ""} ${selected ? "selected" : ""}`}
      title={messages.join("\n") || undefined}
      style={named ? { minHeight: 40 + rows * 18 } : undefined}
    >
      {side(inputs, "target")}
      <strong>{data.title}</strong>
      {data.summary && <span>{data.summary}</span>}
      {named && (
        <div className="port-names" aria-hidden="true">
          <ul>
            {inputs.map((port) => (
              <li key={port.id}>{port.label}</li>
            ))}
          </ul>
          <ul>
            {outputs.map((port) => (
              <li key={port.id}>{port.label}</li>
            ))}
          </ul>
        </div>
      )}
      {severity !== null && messages[0] && (
        <p className={`flow-message ${severity}`}>{messages[0]}</p>
      )}
      {side(outputs, "source")}
    </div>
  );
}

export const FLOW_NODES = { strategy: StrategyNode };
