import { useEffect, useState } from "react";
import { explain } from "./api";
import { compile } from "./queries";
import type { Compilation, Source } from "./types";

const COMPILE_DELAY_MS = 350;

export interface Checked {
  /** What was compiled; another one than the current source while the answer is on its way. */
  source: Source;
  result: Compilation | null;
  failure: string | null;
}

/** Compiles on the server shortly after the last change; an older answer never replaces a newer. */
export function useCompilation(source: Source, kind: string): Checked {
  const [checked, setChecked] = useState<Checked>({ source, result: null, failure: null });
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      compile(kind, source, controller.signal).then(
        (result) => setChecked({ source, result, failure: null }),
        (error: unknown) => {
          if (!controller.signal.aborted) {
            setChecked({ source, result: null, failure: explain(error) });
          }
        },
      );
    }, COMPILE_DELAY_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [source, kind]);
  return checked;
}
