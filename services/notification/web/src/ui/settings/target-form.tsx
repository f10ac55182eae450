import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { Problem } from "../../lib/api";
import { statusQuery } from "../../lib/queries";
import {
  createTarget,
  formsFor,
  newTarget,
  URL_HELP,
  validateTarget,
  type Target,
  type TargetDraft,
  type TargetForm,
} from "../../lib/targets";
import type { Errors } from "../../lib/validate";
import { Failure, Field, Segments } from "../parts";

const EMPTY: TargetDraft = { name: "", form: "webhook", url: "", email: "", chatId: "" };
const FIELDS = ["name", "email", "url", "chat_id"];

export function NewTargetForm({ onMade }: { onMade: (target: Target) => void }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [draft, setDraft] = useState(EMPTY);
  const [errors, setErrors] = useState<Errors>({});
  const element = useRef<HTMLFormElement>(null);
  const create = useMutation({ mutationFn: createTarget });
  const status = useQuery(statusQuery);

  const set = (change: Partial<TargetDraft>) => {
    setDraft((current) => ({ ...current, ...change }));
    setErrors({});
    create.reset();
  };
  const show = (found: Errors) => {
    setErrors(found);
    const first = FIELDS.find((name) => found[name]);
    if (first) element.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = validateTarget(draft);
    show(found);
    if (Object.keys(found).length > 0) return;
    create.mutate(newTarget(draft), {
      onSuccess: (made) => {
        setDraft(EMPTY);
        setOpen(false);
        void client.invalidateQueries({ queryKey: ["targets"] });
        onMade(made);
      },
      onError: (error) => show(error instanceof Problem ? error.byField : {}),
    });
  };

  if (!open) {
    return (
      <div className="form-actions">
        <button type="button" className="button" onClick={() => setOpen(true)}>
          Add a target
        </button>
      </div>
    );
  }
  const beside = FIELDS.some((field) => errors[field]);
  return (
    <form ref={element} className="form" onSubmit={submit} noValidate data-testid="new-target">
      <div>
        <Segments<TargetForm>
          label="Kind of target"
          value={draft.form}
          onChange={(form) => set({ form })}
          options={formsFor(status.data?.email === true)}
        />
      </div>
      <Field label="Name" error={errors.name}>
        {(control) => (
          <input
            {...control}
            name="name"
            autoComplete="off"
            placeholder="My phone"
            value={draft.name}
            onChange={(event) => set({ name: event.target.value })}
          />
        )}
      </Field>
      {draft.form === "email" ? (
        <Field label="Address" error={errors.email} help="A code is mailed to it first.">
          {(control) => (
            <input
              {...control}
              name="email"
              type="email"
              autoComplete="email"
              spellCheck={false}
              placeholder="alice@example.com"
              value={draft.email}
              onChange={(event) => set({ email: event.target.value })}
            />
          )}
        </Field>
      ) : (
        <Field label="Address" error={errors.url} help={URL_HELP[draft.form]}>
          {(control) => (
            <input
              {...control}
              name="url"
              type="url"
              autoComplete="off"
              spellCheck={false}
              placeholder="https://"
              value={draft.url}
              onChange={(event) => set({ url: event.target.value })}
            />
          )}
        </Field>
      )}
      {draft.form === "telegram" && (
        <Field label="Chat" error={errors.chat_id} help="A number, or @channel.">
          {(control) => (
            <input
              {...control}
              name="chat_id"
              autoComplete="off"
              value={draft.chatId}
              onChange={(event) => set({ chatId: event.target.value })}
            />
          )}
        </Field>
      )}
      {create.isError && !beside && <Failure error={create.error} />}
      <div className="form-actions">
        <button type="submit" className="button primary" disabled={create.isPending}>
          {create.isPending ? "Adding…" : "Add target"}
        </button>
        <button type="button" className="button ghost" onClick={() => setOpen(false)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
