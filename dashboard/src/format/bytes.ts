/** Bytes as text: in hex, with what of it can be read beside it. */

/** Returns the bytes of base64. */
export function unpacked(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}

/** Returns a line for so many bytes: where they stand, what they are, and the ASCII among them. */
export function dump(bytes: Uint8Array, wide: number): string {
  const digits = Math.max(4, bytes.length.toString(16).length);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += wide) {
    const row = [...bytes.subarray(at, at + wide)];
    const hex = row.map((each) => each.toString(16).padStart(2, "0")).join(" ");
    const read = row.map((each) => (each >= 0x20 && each < 0x7f ? String.fromCharCode(each) : ".")).join("");
    found.push(`${at.toString(16).padStart(digits, "0")} ${hex.padEnd(wide * 3 - 1)} ${read}`);
  }
  return found.join("\n");
}
