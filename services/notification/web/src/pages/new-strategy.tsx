import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation, useSearch } from "wouter";
import { createStrategy, templatesQuery } from "../lib/queries";
import { FIRST_SCRIPT } from "../lib/script";
import type { Template } from "../lib/types";
import { Failure, Page, Skeleton } from "../ui/parts";
import { TemplatePicture } from "../ui/template-picture";
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

const BLANK = "blank";
const SCRIPT = "script";

function draftOf(key: string, templates: readonly Template[]): Draft {
  const template = templates.find((item) => item.key === key);
  if (template) {
    const { name, description, kind, source } = template;
    return { name, description, kind, source };
  }
  const named = { name: "", description: "" };
  if (key === SCRIPT) return { ...named, kind: "script", source: FIRST_SCRIPT };
  return { ...named, kind: "graph", source: { nodes: [], edges: [] } };
}

function WithTemplates({ templates }: { templates: Template[] }) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const wanted = new URLSearchParams(useSearch()).get("template");
  const [key, setKey] = useState(wanted ?? templates[0]?.key ?? BLANK);
  const template = templates.find((item) => item.key === key);

  const save = async (strategy: Draft) => {
    const created = await createStrategy(strategy);
    await client.invalidateQueries({ queryKey: ["strategies"] });
    go(`/sessions/new?strategy=${created.id}`);
  };
  const chip = (value: string, label: string) => (
    <button
      key={value}
      type="button"
      className="chip"
      aria-pressed={value === key}
      onClick={() => setKey(value)}
    >
      {label}
    </button>
  );

  return (
    <Page
      title="New strategy"
      lead="Begin with one of these and make it your own, or draw or write from nothing."
    >
      <div className="chips" role="group" aria-label="Begin with">
        {templates.map((item) => chip(item.key, item.name))}
        {chip(BLANK, "Empty graph")}
        {chip(SCRIPT, "Script")}
      </div>
      {template && (
        <div className="template-about">
          <p className="muted">{template.description}</p>
          <TemplatePicture template={template} />
        </div>
      )}
      <StrategyForm key={key} draft={draftOf(key, templates)} action="Save and run" save={save} />
    </Page>
  );
}
