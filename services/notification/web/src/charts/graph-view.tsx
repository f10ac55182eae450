import "@xyflow/react/dist/base.css";
import {
  Background,
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from "@xyflow/react";
import { useMemo } from "react";
import { nodeLook } from "../lib/catalogue";
import { locate, nodeSummary, nodeTitle } from "../lib/graph";
import { placed } from "../lib/graph-edit";
import { painted } from "../lib/theme";
import { useStore } from "../lib/store";
import type { Diagnostic, Graph, Severity } from "../lib/types";

type Data = {
  title: string;
  summary: string;
  kind: string;
  severity: Severity | null;
  messages: string;
  inputs: string[];
  outputs: string[];
};

function worst(diagnostics: readonly Diagnostic[]): Severity | null {
  if (diagnostics.some((item) => item.severity === "error")) return "error";
  if (diagnostics.some((item) => item.severity === "warning")) return "warning";
  return diagnostics.length > 0 ? "notice" : null;
}

function StrategyNode({ data, selected }: NodeProps<Node<Data>>) {
  return (
    <div
      className={`flow-node ${data.kind} ${data.severity ?? ""} ${selected ? "selected" : ""}`}
      title={data.messages || undefined}
    >
      {data.inputs.map((id, index) => (
        <Handle
          key={id}
          id={id}
          type="target"
          position={Position.Left}
          style={{ top: `${((index + 1) / (data.inputs.length + 1)) * 100}%` }}
          isConnectable={false}
        />
      ))}
      <strong>{data.title}</strong>
      {data.summary && <span>{data.summary}</span>}
      {data.outputs.map((id, index) => (
        <Handle
          key={id}
          id={id}
          type="source"
          position={Position.Right}
          style={{ top: `${((index + 1) / (data.outputs.length + 1)) * 100}%` }}
          isConnectable={false}
        />
      ))}
    </div>
  );
}

const NODE_TYPES = { strategy: StrategyNode };
const UNNAMED = "default";

/** The graph as a picture: to read, not to edit. */
export default function GraphView({
  graph,
  diagnostics,
  selected,
  onSelect,
}: {
  graph: Graph;
  diagnostics: readonly Diagnostic[];
  selected: string | null;
  onSelect?: (nodeId: string) => void;
}) {
  const mode = useStore(painted);
  const nodes = useMemo<Node<Data>[]>(() => {
    const { byNode } = locate(diagnostics);
    // Only handles that an edge uses are drawn: which others exist is the compiler's knowledge.
    const inputs = new Map<string, Set<string>>();
    const outputs = new Map<string, Set<string>>();
    const note = (into: Map<string, Set<string>>, node: string, handle?: string | null) => {
      const handles = into.get(node) ?? new Set();
      into.set(node, handles.add(handle ?? UNNAMED));
    };
    for (const edge of graph.edges) {
      note(outputs, edge.source, edge.sourceHandle);
      note(inputs, edge.target, edge.targetHandle);
    }
    return placed(graph).nodes.map((node) => {
      const found = byNode.get(node.id) ?? [];
      return {
        id: node.id,
        type: "strategy",
        position: node.position ?? { x: 0, y: 0 },
        selected: node.id === selected,
        data: {
          title: nodeTitle(node),
          summary: nodeSummary(node),
          kind: nodeLook(node.type),
          severity: worst(found),
          messages: found.map((item) => item.message).join("\n"),
          inputs: [...(inputs.get(node.id) ?? [])].sort(),
          outputs: [...(outputs.get(node.id) ?? [])].sort(),
        },
      };
    });
  }, [graph, diagnostics, selected]);
  const edges = useMemo<Edge[]>(
    () =>
      graph.edges.map((edge, index) => ({
        id: edge.id ?? `edge-${index}`,
        source: edge.source,
        target: edge.target,
        sourceHandle: edge.sourceHandle ?? UNNAMED,
        targetHandle: edge.targetHandle ?? UNNAMED,
        markerEnd: { type: MarkerType.ArrowClosed, color: "var(--faint)" },
      })),
    [graph],
  );
  return (
    <div className="graph" role="group" aria-label="Strategy graph">
      <ReactFlow
        // Another set of nodes is another picture, and is fitted into the frame anew.
        key={graph.nodes.map((node) => node.id).join()}
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        colorMode={mode}
        fitView
        fitViewOptions={{ padding: 0.15, maxZoom: 1.1 }}
        minZoom={0.2}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        // Selecting is how a node's fields are found; the keyboard has them as a list beside it.
        onNodeClick={(_event, node) => onSelect?.(node.id)}
        nodesFocusable={onSelect !== undefined}
        preventScrolling={false}
        zoomOnScroll={false}
        proOptions={{ hideAttribution: false }}
      >
        <Background gap={20} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
