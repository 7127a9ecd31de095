/** Contrast as WCAG 2 reckons it, and colours moved until they have enough of it. */

export const ENOUGH = 4.5;
type Rgb = [number, number, number];

export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(rgb(one)), luminance(rgb(other))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Returns the colour, or the nearest one towards black or white that can be read on this background. */
export function readable(colour: string, background: string): string {
  if (!/^#[0-9a-f]{6}$/i.test(colour)) return "";
  const to: Rgb = luminance(rgb(background)) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  const from = rgb(colour);
  for (let share = 0; share <= 1; share += 0.05) {
    const mixed = hex(from.map((part, place) => part + ((to[place] ?? 0) - part) * share) as Rgb);
    if (contrast(mixed, background) >= ENOUGH) return mixed;
  }
  return hex(to);
}

function rgb(colour: string): Rgb {
  return [1, 3, 5].map((place) => Number.parseInt(colour.slice(place, place + 2), 16)) as Rgb;
}

function hex(parts: Rgb): string {
  return `#${parts.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(parts: Rgb): number {
  const [r, g, b] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
