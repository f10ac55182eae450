/**
 * What this server can do, read from its own description: a control for what it can't isn't
 * shown. Where one process doesn't describe the others (behind a gateway), nothing is known and
 * the page asks; a 404 then says no.
 */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { Problem, request } from "./api";

interface Description {
  paths?: Record<string, Record<string, unknown>>;
  components?: { schemas?: Record<string, { properties?: Record<string, unknown> }> };
}

export class Features {
  private readonly operations = new Set<string>();
  private readonly families = new Set<string>();
  private readonly schemas: Record<string, { properties?: Record<string, unknown> }>;

  constructor(description: Description | null) {
    for (const [path, methods] of Object.entries(description?.paths ?? {})) {
      this.families.add(family(path));
      for (const method of Object.keys(methods)) this.operations.add(operation(method, path));
    }
    this.schemas = description?.components?.schemas ?? {};
  }

  /** `has("POST", "/v1/sessions/{}/pause")`; whatever the parameter is called. */
  has(method: string, path: string): boolean {
    if (!this.families.has(family(path))) return true;
    return this.operations.has(operation(method, path));
  }

  /** Whether a request body knows a field. */
  takes(schema: string, field: string): boolean {
    const known = this.schemas[schema];
    return known === undefined || known.properties?.[field] !== undefined;
  }
}

function family(path: string): string {
  return path.split("/").slice(0, 3).join("/");
}

function operation(method: string, path: string): string {
  return `${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, "{}")}`;
}

const featuresQuery = queryOptions({
  queryKey: ["features"],
  queryFn: async ({ signal }) => {
    try {
      return new Features(await request<Description>("/openapi.json", { signal }));
    } catch (error) {
      if (error instanceof Problem && error.status !== 0) return new Features(null);
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});

/** Null until it is known. */
export function useFeatures(): Features | null {
  return useQuery(featuresQuery).data ?? null;
}
