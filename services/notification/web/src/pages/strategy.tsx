import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { Problem, request } from "../lib/api";
import { strategyQuery } from "../lib/queries";
import type { Graph, Strategy } from "../lib/types";
import { ConfirmButton, Empty, Failure, LinkButton, Page, Skeleton } from "../ui/parts";
import { StrategyForm, type Draft } from "../ui/strategy-form";

const NO_GRAPH: Graph = { nodes: [], edges: [] };

export default function StrategyPage({ id }: { id: string }) {
  // While it is edited, a read in the background must not replace what is being typed.
  const strategy = useQuery({ ...strategyQuery(id), staleTime: Number.POSITIVE_INFINITY });
  if (strategy.data) return <Loaded strategy={strategy.data} />;
  const gone = strategy.error instanceof Problem && strategy.error.status === 404;
  return (
    <div className="page">
      {strategy.isPending && <Skeleton rows={3} height={56} />}
      {gone && (
        <Empty
          icon="strategy"
          title="There is no such strategy"
          action={<LinkButton href="/strategies">All strategies</LinkButton>}
        />
      )}
      {strategy.isError && !gone && (
        <Failure error={strategy.error} retry={() => void strategy.refetch()} />
      )}
    </div>
  );
}

function Loaded({ strategy }: { strategy: Strategy }) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const [saved, setSaved] = useState<number | null>(null);
  const path = `/v1/strategies/${encodeURIComponent(strategy.id)}`;
  const remove = useMutation({
    mutationFn: () => request(path, { method: "DELETE" }),
    onSuccess: () => {
      client.removeQueries({ queryKey: ["strategies", strategy.id] });
      void client.invalidateQueries({ queryKey: ["strategies"] });
      go("/strategies");
    },
  });
  const save = async (draft: Draft) => {
    const next = await request<Strategy>(path, { method: "PUT", body: draft });
    setSaved(next.version);
    client.setQueryData<Strategy>(["strategies", strategy.id], {
      ...strategy,
      ...next,
      source: draft.source,
    });
    void client.invalidateQueries({ queryKey: ["strategies", strategy.id, "versions"] });
    await client.invalidateQueries({ queryKey: ["strategies"], exact: true });
  };

  return (
    <Page
      title={strategy.name}
      lead={
        <span role="status">
          Version {strategy.version}
          {saved === strategy.version &&
            ", saved. Running sessions keep the version they began with."}
        </span>
      }
      actions={
        <>
          <ConfirmButton
            icon="trash"
            label="Delete"
            busyLabel="Deleting…"
            busy={remove.isPending}
            question="Delete this strategy?"
            confirm="Delete it"
            keep="Keep it"
            look="ghost"
            onConfirm={() => remove.mutate()}
          />
          <LinkButton href={`/sessions/new?strategy=${strategy.id}`} icon="plus">
            Run it
          </LinkButton>
        </>
      }
    >
      {remove.isError && <Failure error={remove.error} />}
      <StrategyForm
        draft={{
          name: strategy.name,
          description: strategy.description ?? "",
          kind: strategy.kind,
          source: strategy.source ?? NO_GRAPH,
        }}
        strategyId={strategy.id}
        version={strategy.version}
        action="Save new version"
        save={save}
      />
    </Page>
  );
}
