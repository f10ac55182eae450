/** The HTTP client: one place that knows about tokens, problem documents and being offline. */

export interface FieldError {
  field: string;
  code?: string;
  detail: string;
  hint?: string | null;
}

interface ProblemBody {
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
  field?: string | null;
  hint?: string | null;
  errors?: FieldError[];
  diagnostics?: unknown;
}

/** A failed request, always with a sentence that can be shown to the user. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly hint: string | null;
  readonly errors: FieldError[];
  readonly body: ProblemBody;
  readonly requestId: string | null;

  constructor(status: number, body: ProblemBody, requestId: string | null = null) {
    super(body.detail ?? body.title ?? `The server answered with status ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = body.code ?? (status === 0 ? "offline" : `http_${status}`);
    this.field = body.field ?? null;
    this.hint = body.hint ?? null;
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.body = body;
    this.requestId = requestId;
  }

  /** Errors by field, for placing each beside its input. */
  get byField(): Record<string, string> {
    const found: Record<string, string> = {};
    if (this.field) found[this.field] = withHint(this.message, this.hint);
    for (const error of this.errors) found[error.field] = withHint(error.detail, error.hint);
    return found;
  }
}

/** The server says what is wrong, and what to do about it, in half sentences. */
function withHint(text: string, hint?: string | null): string {
  return hint ? `${sentence(text)} ${sentence(hint)}` : sentence(text);
}

function sentence(text: string): string {
  const [first = "", ...rest] = text;
  const ended = /[.!?…]$/.test(text) || text === "";
  return `${first.toUpperCase()}${rest.join("")}${ended ? "" : "."}`;
}

/** A sentence for any thrown value. */
export function explain(error: unknown): string {
  if (error instanceof Problem) return withHint(error.message, error.hint);
  return error instanceof Error ? error.message : String(error);
}

type Token = () => string | null;

let token: Token = () => null;
/** Called on 401; resolves to true when a new token is in place and the request may be repeated. */
let renew: () => Promise<boolean> = () => Promise.resolve(false);

export function configureAuth(current: Token, onExpired: () => Promise<boolean>): void {
  token = current;
  renew = onExpired;
}

/** Longer than any honest answer takes; a hung request must not leave a button spinning. */
const TIMEOUT_MS = 20_000;

export interface RequestOptions {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Off for the sign-in calls themselves, which would otherwise renew for ever. */
  retryAuth?: boolean;
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  const bearer = token();
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? "GET",
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, { detail: "The server can't be reached. Trying again by itself." });
  }
  if (response.status === 401 && options.retryAuth !== false && (await renew())) {
    return request<T>(path, { ...options, retryAuth: false });
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get("x-request-id");
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    try {
      return new Problem(response.status, (await response.json()) as ProblemBody, requestId);
    } catch {
      // A body cut short says no more than its status.
    }
  }
  const detail =
    response.status === 404
      ? "This isn't here (404)."
      : `The server couldn't answer (${response.status}).`;
  return new Problem(response.status, { detail }, requestId);
}
