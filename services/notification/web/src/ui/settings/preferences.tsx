import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { Problem } from "../../lib/api";
import { timeZone, zones } from "../../lib/preferences";
import {
  kindLabel,
  preferencesQuery,
  savePreferences,
  validatePreferences,
  type Preferences,
  type PreferencesAnswer,
  type QuietHours,
} from "../../lib/targets";
import { parseNumber, type Errors } from "../../lib/validate";
import { Failure, Field, Panel, Segments, Skeleton } from "../parts";

const SEVERITIES = [
  ["info", "Everything"],
  ["warning", "Warnings and errors"],
  ["error", "Errors"],
] as const;
const ORDER = ["per_hour", "quiet_hours.from", "quiet_hours.until", "quiet_hours.time_zone"];

function usualHours(): QuietHours {
  const zone = timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { from: "22:00", until: "07:00", time_zone: zone, errors_pass: true };
}

export function PreferencesPanel() {
  const preferences = useQuery(preferencesQuery);
  return (
    <Panel title="What goes out, and when" className="narrow-panel">
      {preferences.isPending && <Skeleton rows={3} height={44} />}
      {preferences.isError && !preferences.data && (
        <Failure error={preferences.error} retry={() => void preferences.refetch()} />
      )}
      {preferences.data && <Form answer={preferences.data} />}
    </Panel>
  );
}

function Form({ answer }: { answer: PreferencesAnswer }) {
  const client = useQueryClient();
  const [wanted, setWanted] = useState<Preferences>(answer.preferences);
  const [perHour, setPerHour] = useState(String(answer.preferences.per_hour));
  const [errors, setErrors] = useState<Errors>({});
  const element = useRef<HTMLFormElement>(null);
  const save = useMutation({ mutationFn: savePreferences });
  const quiet = wanted.quiet_hours;

  const touched = () => {
    setErrors({});
    save.reset();
  };
  const set = (change: Partial<Preferences>) => {
    setWanted((current) => ({ ...current, ...change }));
    touched();
  };
  const setQuiet = (change: Partial<QuietHours>) =>
    set({ quiet_hours: { ...usualHours(), ...quiet, ...change } });
  const show = (found: Errors) => {
    setErrors(found);
    const first = ORDER.find((name) => found[name]);
    if (first) element.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const number = parseNumber(perHour);
    const found = validatePreferences(wanted, number, answer.max_per_hour);
    show(found);
    if (Object.keys(found).length > 0 || number === null) return;
    save.mutate(
      { ...wanted, per_hour: number },
      {
        onSuccess: (saved) => client.setQueryData(preferencesQuery.queryKey, saved),
        onError: (error) => show(error instanceof Problem ? error.byField : {}),
      },
    );
  };
  const kinds = [...new Set([...answer.known_kinds, ...Object.keys(wanted.kinds)])];
  const beside = ORDER.some((name) => errors[name]);

  return (
    <form ref={element} className="form" onSubmit={submit} noValidate data-testid="preferences">
      <div>
        <Segments
          label="How much it must matter"
          value={wanted.min_severity}
          onChange={(min_severity) => set({ min_severity })}
          options={SEVERITIES}
        />
      </div>
      <fieldset className="checks">
        <legend>Tell me when</legend>
        {kinds.map((kind) => (
          <label key={kind} className="check">
            <input
              type="checkbox"
              checked={wanted.kinds[kind] ?? true}
              onChange={(event) =>
                set({ kinds: { ...wanted.kinds, [kind]: event.target.checked } })
              }
            />
            {kindLabel(kind)}
          </label>
        ))}
      </fieldset>
      <Field
        label="At most"
        suffix="an hour"
        error={errors.per_hour}
        help="To each target. The rest stays on the page, and below as held back."
      >
        {(control) => (
          <input
            {...control}
            name="per_hour"
            inputMode="numeric"
            autoComplete="off"
            className="num"
            value={perHour}
            onChange={(event) => {
              setPerHour(event.target.value);
              touched();
            }}
          />
        )}
      </Field>
      <label className="check">
        <input
          type="checkbox"
          checked={quiet !== null}
          onChange={(event) => set({ quiet_hours: event.target.checked ? usualHours() : null })}
        />
        Quiet hours: what comes then goes out when they are over
      </label>
      {quiet && (
        <>
          <div className="form-row">
            <Field label="From" error={errors["quiet_hours.from"]}>
              {(control) => (
                <input
                  {...control}
                  type="time"
                  name="quiet_hours.from"
                  value={quiet.from}
                  onChange={(event) => setQuiet({ from: event.target.value })}
                />
              )}
            </Field>
            <Field label="Until" error={errors["quiet_hours.until"]}>
              {(control) => (
                <input
                  {...control}
                  type="time"
                  name="quiet_hours.until"
                  value={quiet.until}
                  onChange={(event) => setQuiet({ until: event.target.value })}
                />
              )}
            </Field>
          </div>
          <Field label="Time zone" error={errors["quiet_hours.time_zone"]}>
            {(control) => (
              <select
                {...control}
                name="quiet_hours.time_zone"
                value={quiet.time_zone}
                onChange={(event) => setQuiet({ time_zone: event.target.value })}
              >
                {[...new Set([quiet.time_zone, ...zones()])].map((zone) => (
                  <option key={zone} value={zone}>
                    {zone}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <label className="check">
            <input
              type="checkbox"
              checked={quiet.errors_pass}
              onChange={(event) => setQuiet({ errors_pass: event.target.checked })}
            />
            Errors go out all the same
          </label>
        </>
      )}
      {save.isError && !beside && <Failure error={save.error} />}
      <div className="form-actions">
        <button type="submit" className="button primary" disabled={save.isPending}>
          {save.isPending ? "Saving…" : "Save"}
        </button>
        {save.isSuccess && (
          <span role="status" className="muted">
            Saved.
          </span>
        )}
      </div>
    </form>
  );
}
