/** Which screen an address is. */

/** Returns the parameters of a path that is like the pattern (`/app/runs/:id`), null when it is not. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [place, part] of wanted.entries()) {
    const said = given[place] ?? "";
    if (part.startsWith(":") && said) found[part.slice(1)] = decoded(said);
    else if (part !== said) return null;
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
