import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useSearch } from "wouter";
import { createStrategy, templatesQuery } from "../lib/queries";
import type { Graph, Template } from "../lib/types";
import { Failure, Page, Skeleton } from "../ui/parts";
import { StrategyForm, type Draft } from "../ui/strategy-form";

export default function NewStrategyPage() {
  const templates = useQuery(templatesQuery);
  if (templates.data) return <WithTemplates templates={templates.data} />;
  return (
    <Page title="New strategy">
      {templates.isError ? (
        <Failure error={templates.error} retry={() => void templates.refetch()} />
      ) : (
        <Skeleton rows={3} height={56} />
      )}
    </Page>
  );
}

const BLANK: Draft = { name: "", description: "", kind: "graph", source: { nodes: [], edges: [] } };

function WithTemplates({ templates }: { templates: Template[] }) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const wanted = new URLSearchParams(useSearch()).get("template");
  const [key, setKey] = useState(wanted ?? templates[0]?.key ?? "");
  const template = templates.find((item) => item.key === key);
  const draft: Draft = template
    ? {
        name: template.name,
        description: template.description,
        kind: template.kind,
        source: template.source as Graph,
      }
    : BLANK;

  const save = async (strategy: Draft) => {
    const created = await createStrategy(strategy);
    await client.invalidateQueries({ queryKey: ["strategies"] });
    go(`/sessions/new?strategy=${created.id}`);
  };

  return (
    <Page title="New strategy" lead="Begin with a template, then change its values to your own.">
      <div className="chips" role="group" aria-label="Template">
        {templates.map((item) => (
          <button
            key={item.key}
            type="button"
            className="chip"
            aria-pressed={item.key === key}
            onClick={() => setKey(item.key)}
          >
            {item.name}
          </button>
        ))}
      </div>
      <StrategyForm key={key} draft={draft} action="Save and run" save={save} />
    </Page>
  );
}
