import type { ReactNode } from "react";
import { classes } from "./classes";

export type Tone = "ok" | "warn" | "bad" | "accent" | "muted";

const TONES: Record<Tone, string> = {
  ok: "text-ok bg-ok/10",
  warn: "text-warn bg-warn/10",
  bad: "text-bad bg-bad/10",
  accent: "text-accent bg-accent/10",
  muted: "text-muted bg-panel",
};

/** A word with a tone; the word says it all, the colour only helps. */
export function Badge({ tone = "muted", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={classes("inline-block rounded px-1.5 text-small leading-5 font-medium whitespace-nowrap", TONES[tone])}>{children}</span>;
}

const OF: Record<string, Tone> = {
  completed: "ok",
  allowed: "ok",
  performed: "ok",
  active: "ok",
  restricted: "warn",
  remediated: "warn",
  escalated: "warn",
  pending: "warn",
  suspended: "warn",
  degraded: "warn",
  failed: "bad",
  refused: "bad",
  attempt_failed: "bad",
  in_doubt: "warn",
  downgraded: "warn",
  chosen: "ok",
  settled: "ok",
  revoked: "bad",
  stop: "bad",
  accepted: "accent",
  requested: "accent",
  started: "accent",
};

/** The status of a run, step, call, decision, key or person, as the log spells it. */
export function Status({ of }: { of: string }) {
  return <Badge tone={OF[of] ?? "muted"}>{of}</Badge>;
}
