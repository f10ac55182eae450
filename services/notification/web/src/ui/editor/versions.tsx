import { useQuery } from "@tanstack/react-query";
import { diffLines } from "diff";
import { useState } from "react";
import { dayAndTime, moment, zone } from "../../lib/format";
import { graphChanges } from "../../lib/graph-edit";
import { versionQuery, versionsQuery } from "../../lib/queries";
import type { Source } from "../../lib/types";
import { Empty, Failure, Panel, Skeleton } from "../parts";

/** Earlier versions, each with what changed since, and a way back to it. */
export function Versions({
  strategyId,
  current,
  onRestore,
}: {
  strategyId: string;
  /** What is in the editor now. */
  current: Source;
  onRestore: (kind: string, source: Source) => void;
}) {
  const versions = useQuery(versionsQuery(strategyId));
  const [chosen, setChosen] = useState<number | null>(null);
  if (versions.isPending) return <Skeleton rows={2} height={32} />;
  if (versions.isError) return <Failure error={versions.error} />;
  if (!versions.data || versions.data.length === 0) return null;
  return (
    <Panel
      title="Versions"
      flush
      aside={<span className="faint">Times in {zone()}</span>}
      className="versions-panel"
    >
      <ul className="versions" data-testid="versions">
        {versions.data.map((item) => (
          <li key={item.version}>
            <button
              type="button"
              aria-expanded={chosen === item.version}
              onClick={() => setChosen(chosen === item.version ? null : item.version)}
            >
              <strong>Version {item.version}</strong>
              <span className="muted">{item.kind}</span>
              <span className="faint num" title={moment(item.created_at)}>
                {dayAndTime(item.created_at)}
              </span>
            </button>
            {chosen === item.version && (
              <Changes
                strategyId={strategyId}
                version={item.version}
                current={current}
                onRestore={onRestore}
              />
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Changes({
  strategyId,
  version,
  current,
  onRestore,
}: {
  strategyId: string;
  version: number;
  current: Source;
  onRestore: (kind: string, source: Source) => void;
}) {
  const query = useQuery(versionQuery(strategyId, version));
  if (query.isPending) return <Skeleton rows={2} />;
  if (query.isError) return <Failure error={query.error} />;
  const { source, kind } = query.data;
  if (source === undefined) return <Empty icon="strategy" title="Its source isn't kept" />;
  const lines = linesOf(source, current);
  return (
    <div className="version-changes">
      {lines.length === 0 ? (
        <p className="muted">The same as in the editor.</p>
      ) : (
        <>
          <p className="muted">From this version to what is in the editor:</p>
          <pre className="diff">
            {lines.map((line, index) => (
              <span key={index} className={SIGNS[line[0] ?? ""] ?? ""}>
                {line}
                {"\n"}
              </span>
            ))}
          </pre>
          <button type="button" className="button small" onClick={() => onRestore(kind, source)}>
            Take it into the editor
          </button>
        </>
      )}
    </div>
  );
}

const SIGNS: Record<string, string> = { "+": "added", "-": "removed", "~": "changed" };

function linesOf(before: Source, after: Source): string[] {
  if (typeof before === "object" && typeof after === "object") return graphChanges(before, after);
  const text = (source: Source) =>
    typeof source === "string" ? source : JSON.stringify(source, null, 2);
  const parts = diffLines(text(before), text(after));
  if (!parts.some((part) => part.added || part.removed)) return [];
  return parts.flatMap((part) => {
    const sign = part.added ? "+ " : part.removed ? "- " : "  ";
    return part.value
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => sign + line);
  });
}
