import { useQuery } from "@tanstack/react-query";
import { graphQuery, pinnedStrategyQuery } from "./queries";
import type { Session } from "./types";

/** The strategy's graph as this session runs it. */
export function useSessionGraph(session: Session) {
  const { strategy_id: id, strategy_version: version } = session;
  const strategy = useQuery(pinnedStrategyQuery(id, version));
  const { kind = "graph", source } = strategy.data ?? {};
  return useQuery({ ...graphQuery([id, version], kind, source), enabled: source !== undefined });
}
