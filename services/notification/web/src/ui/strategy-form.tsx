import { useState, type FormEvent } from "react";
import { Problem } from "../lib/api";
import type { Graph } from "../lib/types";
import { validateStrategyName } from "../lib/validate";
import { GraphEditor, useCompilation } from "./graph-editor";
import { Failure, Field } from "./parts";

export interface Draft {
  name: string;
  description: string;
  kind: string;
  source: Graph;
}

/** A strategy's name and graph, with the compiler's findings; for a new one and for a change. */
export function StrategyForm({
  draft,
  action,
  save,
}: {
  draft: Draft;
  action: string;
  save: (strategy: Draft) => Promise<void>;
}) {
  const [name, setName] = useState(draft.name);
  const [description, setDescription] = useState(draft.description);
  const [graph, setGraph] = useState(draft.source);
  const [nameError, setNameError] = useState<string | undefined>();
  const [textError, setTextError] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const checked = useCompilation(graph, draft.kind);
  const broken = checked.graph === graph && checked.result?.ok === false;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = validateStrategyName(name) ?? undefined;
    setNameError(found);
    setFailure(null);
    if (found || textError) return;
    setBusy(true);
    const wanted = { name: name.trim(), description, kind: draft.kind, source: graph };
    save(wanted)
      .catch((error: unknown) => {
        const field = error instanceof Problem ? error.byField.name : undefined;
        if (field) setNameError(field);
        else setFailure(error);
      })
      .finally(() => setBusy(false));
  };

  return (
    <form onSubmit={submit} noValidate className="strategy-form">
      <div className="strategy-head">
        <Field label="Name" error={nameError}>
          {(control) => (
            <input
              {...control}
              name="name"
              autoComplete="off"
              value={name}
              onChange={(event) => {
                setName(event.target.value);
                setNameError(undefined);
              }}
            />
          )}
        </Field>
        <Field label="Description (optional)">
          {(control) => (
            <input
              {...control}
              name="description"
              autoComplete="off"
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <div className="form-actions">
          <button
            type="submit"
            className="button primary"
            disabled={busy || broken || textError !== null}
            title={broken ? "Correct the errors first" : undefined}
          >
            {busy ? "Saving…" : action}
          </button>
        </div>
      </div>
      {failure !== null && <Failure error={failure} />}
      <GraphEditor graph={graph} onChange={setGraph} checked={checked} onTextError={setTextError} />
    </form>
  );
}
