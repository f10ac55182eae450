/** What a reader chose for this browser. The page is loaded again after a change of the zone:
 *  every formatter has it from the start. */
const ZONE_KEY = "algotrade.zone";

function read(): string | undefined {
  try {
    return localStorage.getItem(ZONE_KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

function known(zone: string | undefined): string | undefined {
  if (zone === undefined) return undefined;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** The chosen time zone; undefined for the browser's own. */
export const timeZone = known(typeof localStorage === "undefined" ? undefined : read());

export function chooseZone(zone: string | null): void {
  try {
    if (zone === null) localStorage.removeItem(ZONE_KEY);
    else localStorage.setItem(ZONE_KEY, zone);
  } catch {
    // Not remembered: the browser's own zone stays.
  }
  window.location.reload();
}

/** Those that the browser knows, UTC first. */
export function zones(): string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
}
