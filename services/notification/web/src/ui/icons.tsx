/** Line icons on a 20 unit grid; decorative, since text or a label always says the same. */
const PATHS = {
  home: "M3 9.5 10 3.500l7 6V16a1 1 0 0 1-1 1h-3.500v-4.500h-5V17H4a1 1 0 0 1-1-1z",
  market: "M3 13.5 7.5 8.500l3.5 3.500L17 5M12.5 5H17v4.5",
  strategy: "M4 4h4v4H4zM12 12h4v4h-4zM8 6h3.500A2.5 2.5 0 0 1 14 8.500V12",
  session: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14M8.3 7.300v5.400l4.4-2.700z",
  bell: "M5 14V9a5 5 0 0 1 10 0v5l1.5 1.500h-13zM8.5 17.500h3",
  sun: "M10 13.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M4.3 15.700l1.1-1.100M14.6 5.400l1.1-1.1",
  moon: "M16.5 11.800A7 7 0 0 1 8.2 3.500a7 7 0 1 0 8.3 8.300z",
  system: "M3 4.500h14v9H3zM7.5 17h5M10 13.500V17",
  plus: "M10 4v12M4 10h12",
  stop: "M6 6h8v8H6z",
  flask:
    "M8 3h4M8.5 3v5L4.5 15.500A1 1 0 0 0 5.4 17h9.200a1 1 0 0 0 .9-1.500L11.5 8V3M6.5 12.500h7",
  alert: "M10 3.5 17.5 16.500h-15zM10 8.500V12M10 14.200v.1",
  check: "M4.5 10.5 8.5 14.5 15.5 6",
  cross: "M5.5 5.500l9 9M14.5 5.500l-9 9",
  chevron: "M8 5l5 5-5 5",
  back: "M12 5l-5 5 5 5",
  pause: "M7 5v10M13 5v10",
  play: "M7 4.5v11l8.5-5.500z",
  copy: "M7.5 7.500h8v8h-8zM4.5 12.500v-8h8",
  download: "M10 3.500v9M6.3 9.300 10 13l3.700-3.700M4 16.500h12",
  undo: "M7.5 5 4 8.500 7.5 12M4 8.500h7.500a4 4 0 0 1 0 8H9",
  redo: "M12.5 5 16 8.500 12.5 12M16 8.500H8.500a4 4 0 0 0 0 8H11",
  arrange: "M3 4.500h5v4H3zM12 4.500h5v4h-5zM12 12h5v4h-5zM8 6.500h4M10 6.500V14h2",
  search: "M9 14.500a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M13 13l4 4",
  gear: "M10 12.800a2.8 2.8 0 1 0 0-5.600 2.8 2.8 0 0 0 0 5.600M10 2.500v2M10 15.500v2M2.5 10h2M15.5 10h2M4.7 4.700l1.4 1.400M13.9 13.900l1.4 1.400M4.7 15.300l1.4-1.400M13.9 6.100l1.4-1.400",
  compare: "M4 15.500l4-6 3.500 3L16 5M4 4v12.500h12.500",
  heart: "M3 10.500h3.500l2-5 3 9 2-4H17",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" className="logo">
      <rect width="32" height="32" rx="8" className="logo-ground" />
      <path d="M7 21l6-7 4.5 4L25 9.5" className="logo-line" />
      <circle cx="25" cy="9.5" r="2.6" className="logo-dot" />
    </svg>
  );
}
