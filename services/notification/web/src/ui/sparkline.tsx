import { tone } from "../lib/format";

const WIDTH = 120;
const HEIGHT = 32;
/** Finer than a pixel column says nothing. */
const MAX_POINTS = 120;

/** A line without axes; the figures beside it carry the values. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  if (values.length < 2) return <svg className="sparkline" aria-hidden="true" />;
  const step = Math.max(1, Math.ceil(values.length / MAX_POINTS));
  const picked = values.filter((_, index) => (values.length - 1 - index) % step === 0);
  const low = Math.min(...picked);
  const range = Math.max(...picked) - low || 1;
  const points = picked.map((value, index) => {
    const x = (index / Math.max(1, picked.length - 1)) * WIDTH;
    const y = HEIGHT - 2 - ((value - low) / range) * (HEIGHT - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const change = (values.at(-1) ?? 0) - (values[0] ?? 0);
  return (
    <svg
      className={`sparkline ${tone(change)}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <polygon
        className="spark-fill"
        points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`}
      />
      <polyline className="spark-line" points={points.join(" ")} />
    </svg>
  );
}
