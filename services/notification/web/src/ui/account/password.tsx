import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { browsersQuery, changePassword } from "../../lib/account";
import { Problem } from "../../lib/api";
import { Failure, Field, Panel } from "../parts";

export function PasswordForm() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => changePassword(current, next),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      return client.invalidateQueries(browsersQuery);
    },
  });
  const errors = change.error instanceof Problem ? change.error.byField : {};
  const placed = errors.current !== undefined || errors.new !== undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (current && next) change.mutate();
  };
  return (
    <Panel title="Password" className="narrow-panel">
      <form className="form" onSubmit={submit} noValidate>
        <Field label="Password so far" error={errors.current}>
          {(control) => (
            <input
              {...control}
              type="password"
              autoComplete="current-password"
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          )}
        </Field>
        <Field
          label="New password"
          error={errors.new}
          help="At least 12 characters. Your other browsers are signed out."
        >
          {(control) => (
            <input
              {...control}
              type="password"
              autoComplete="new-password"
              value={next}
              onChange={(event) => setNext(event.target.value)}
            />
          )}
        </Field>
        {change.isError && !placed && <Failure error={change.error} />}
        <div className="form-actions">
          <button type="submit" className="button" disabled={change.isPending || !current || !next}>
            {change.isPending ? "Changing…" : "Change it"}
          </button>
          {change.isSuccess && (
            <span className="muted" role="status">
              Changed.
            </span>
          )}
        </div>
      </form>
    </Panel>
  );
}
