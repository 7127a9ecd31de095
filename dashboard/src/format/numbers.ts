/** Numbers as text, short and of a steady width. */
import { grouped } from "./money";

const STEPS = ["", "k", "M", "G", "T"];

/** Returns a count: whole below 10,000, else three digits and k, M, G. */
export function count(value: number): string {
  if (Math.abs(value) < 10_000) return grouped(Math.round(value));
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < STEPS.length - 1) [value, step] = [value / 1000, step + 1];
  return value.toPrecision(3) + STEPS[step];
}

/** Returns a rate: one decimal below 100. */
export function rate(value: number): string {
  return Math.abs(value) < 99.95 ? value.toFixed(1) : count(value);
}

/** Returns how long something took, or how old it is: `850 ms`, `12 s`, `3 min 05 s`, `2 h 10 min`, `4 d 3 h`. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${pad(Math.floor(s / 60) % 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`;
}

/** Returns how long something took that is worth its parts of a second: `850 ms`, `4.21 s`, from a minute on as above. */
export function took(ms: number): string {
  return ms >= 1000 && ms < 60_000 ? `${(Math.floor(ms / 10) / 100).toFixed(2)} s` : span(ms);
}

function pad(value: number): string {
  return value.toString().padStart(2, "0");
}
