import { useEffect, useState } from "react";

/** Whether an element is in the window: what isn't needs no work. */
export function useInSight() {
  const [element, watch] = useState<Element | null>(null);
  const [inSight, setInSight] = useState(false);
  useEffect(() => {
    if (!element) return;
    const observer = new IntersectionObserver((entries) => {
      setInSight(entries.at(-1)?.isIntersecting ?? false);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [watch, inSight] as const;
}
