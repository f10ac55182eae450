import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useFeatures } from "./features";
import { currentValues, nodeValuesQuery, type ValuesByOutput } from "./node-values";
import { sessionsQuery } from "./queries";
import { isActive } from "./sessions";
import type { Session } from "./types";

export interface Running {
  session: Session;
  values: ValuesByOutput;
}

/** What the nodes of a strategy's version give in the newest session that runs it; null for none. */
export function useRunningValues(
  strategyId: string | undefined,
  version: number | undefined,
  wanted: boolean,
): Running | null {
  const has = useFeatures()?.has("GET", "/v1/strategies/{}/sessions/{}/values") ?? false;
  const asked = wanted && has && strategyId !== undefined;
  const sessions = useQuery({ ...sessionsQuery, enabled: asked });
  const session = sessions.data?.find(
    (item) =>
      isActive(item) && item.strategy_id === strategyId && item.strategy_version === version,
  );
  const query = useQuery({
    ...nodeValuesQuery(strategyId ?? "", session?.id ?? ""),
    enabled: asked && session !== undefined,
  });
  const { data, dataUpdatedAt, errorUpdatedAt } = query;
  return useMemo(
    () =>
      asked && session
        ? { session, values: currentValues({ data, dataUpdatedAt, errorUpdatedAt }) }
        : null,
    [asked, session, data, dataUpdatedAt, errorUpdatedAt],
  );
}
