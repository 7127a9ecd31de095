/** Moments as text, in the reader's zone unless another is named; the zone is always said. */

const parts = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  const known = parts.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    timeZoneName: "shortOffset",
  });
  parts.set(zone, made);
  return made;
}

export interface Said {
  /** `2026-11-22` */
  day: string;
  /** `08:00:00` */
  clock: string;
  /** `250` */
  ms: string;
  /** `UTC`, `GMT+1` */
  zone: string;
}

export function here(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Returns the parts of a moment; null when the text is none. */
export function moment(iso: string, zone: string = here()): Said | null {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return null;
  const said = Object.fromEntries(format(zone).formatToParts(at).map((part) => [part.type, part.value]));
  return {
    day: `${said["year"]}-${said["month"]}-${said["day"]}`,
    clock: `${said["hour"]}:${said["minute"]}:${said["second"]}`,
    ms: said["fractionalSecond"] ?? "000",
    zone: (said["timeZoneName"] ?? "").replace(/^GMT(\+0)?$/, "UTC"),
  };
}
