import "@xyflow/react/dist/base.css";
import { Background, Controls, MarkerType, ReactFlow, type Edge } from "@xyflow/react";
import { useMemo } from "react";
import { findHandle, infoOf } from "../lib/catalogue";
import { edgeId, placed } from "../lib/graph-edit";
import type { ValuesByOutput } from "../lib/node-values";
import { useStore } from "../lib/store";
import { painted } from "../lib/theme";
import type { Diagnostic, Graph } from "../lib/types";
import { FLOW_NODES, flowNodes } from "./flow-node";
import { VALUE_EDGES, withValues } from "./value-edge";

const NONE: ReadonlySet<string> = new Set();

/** The graph as a picture: to read, not to edit. */
export default function GraphView({
  graph,
  diagnostics,
  values,
}: {
  graph: Graph;
  diagnostics: readonly Diagnostic[];
  /** What the nodes give, for the picture of a strategy that runs. */
  values?: ValuesByOutput;
}) {
  const mode = useStore(painted);
  const shown = useMemo(() => placed(graph), [graph]);
  const nodes = useMemo(() => flowNodes(shown, diagnostics, NONE), [shown, diagnostics]);
  const plain = useMemo<Edge[]>(() => {
    const byId = new Map(shown.nodes.map((node) => [node.id, node]));
    return shown.edges.map((edge, index) => {
      const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
      const out = findHandle((from && infoOf(from))?.outputs ?? [], edge.sourceHandle);
      const into = findHandle((to && infoOf(to))?.inputs ?? [], edge.targetHandle);
      return {
        id: edgeId(edge, index),
        source: edge.source,
        target: edge.target,
        sourceHandle: out?.id ?? edge.sourceHandle ?? "default",
        targetHandle: into?.id ?? edge.targetHandle ?? "default",
        markerEnd: { type: MarkerType.ArrowClosed, color: "var(--faint)" },
      };
    });
  }, [shown]);
  const edges = useMemo(
    () => (values ? withValues(plain, shown, values) : plain),
    [plain, shown, values],
  );
  return (
    <div className="graph" role="group" aria-label="Strategy graph">
      <ReactFlow
        // Another set of nodes is another picture, and is fitted into the frame anew.
        key={shown.nodes.map((node) => node.id).join()}
        nodes={nodes}
        edges={edges}
        nodeTypes={FLOW_NODES}
        edgeTypes={VALUE_EDGES}
        colorMode={mode}
        fitView
        fitViewOptions={{ padding: 0.15, maxZoom: 1.1 }}
        minZoom={0.15}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        preventScrolling={false}
        zoomOnScroll={false}
      >
        <Background gap={20} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
