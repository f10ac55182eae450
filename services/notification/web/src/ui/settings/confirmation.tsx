import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Problem } from "../../lib/api";
import { confirmTarget, sendCode, type Target } from "../../lib/targets";
import { Failure, Field } from "../parts";

/** A mailbox gets nothing until whoever reads it has entered the code that is mailed to it. */
export function Confirmation({ target }: { target: Target }) {
  const client = useQueryClient();
  const [code, setCode] = useState("");
  const send = useMutation({ mutationFn: () => sendCode(target.id) });
  const confirm = useMutation({
    mutationFn: () => confirmTarget(target.id, code),
    onSuccess: () => client.invalidateQueries({ queryKey: ["targets"] }),
  });
  const wrong = confirm.error instanceof Problem ? confirm.error.byField.code : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  const resend = () => {
    confirm.reset();
    send.mutate();
  };
  return (
    <form className="form" onSubmit={submit} noValidate data-testid="confirmation">
      <p className="muted">
        Nothing goes there yet: have a code mailed to it, and enter it here within 30 minutes.
      </p>
      {send.data?.delivered && (
        <p role="status" className="up">
          A code is on its way to {target.address}.
        </p>
      )}
      {send.data && !send.data.delivered && (
        <p role="alert" className="field-error">
          No code was sent: {send.data.reason ?? "no reason was given"}.
        </p>
      )}
      {send.isError && <Failure error={send.error} />}
      <Field label="Code" error={wrong}>
        {(control) => (
          <input
            {...control}
            name="code"
            className="num"
            inputMode="numeric"
            autoComplete="one-time-code"
            value={code}
            onChange={(event) => {
              setCode(event.target.value);
              confirm.reset();
            }}
          />
        )}
      </Field>
      {confirm.isError && wrong === undefined && <Failure error={confirm.error} />}
      <div className="form-actions">
        <button
          type="submit"
          className="button small"
          disabled={confirm.isPending || code.trim() === ""}
        >
          Confirm
        </button>
        <button
          type="button"
          className="button small ghost"
          disabled={send.isPending}
          onClick={resend}
        >
          {send.isPending ? "Sending…" : send.data ? "Send another code" : "Send a code"}
        </button>
      </div>
    </form>
  );
}
