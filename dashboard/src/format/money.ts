/** Money is whole micro-dollars everywhere; only here they become text. */

const MICROS = 1_000_000;

/** Returns dollars with as many decimals as the amount needs: cents from a dollar on, else up to micro-dollars. */
export function dollars(micros: number): string {
  const sign = micros < 0 ? "-" : "";
  const amount = Math.abs(micros);
  if (amount === 0) return "$0.00";
  if (amount >= MICROS) return `${sign}$${grouped(Math.floor(Math.round(amount / 10_000) / 100))}.${two(Math.round(amount / 10_000) % 100)}`;
  const text = (amount / MICROS).toFixed(6).replace(/0{1,4}$/, "");
  return `${sign}$${text}`;
}

/** Returns a whole number with its thousands apart, in the form that does not change with the machine's language. */
export function grouped(count: number): string {
  return Math.trunc(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function two(count: number): string {
  return count.toString().padStart(2, "0");
}

/** Returns dollars to the micro-dollar, without the zeros behind the cents: a price is never rounded. */
export function unrounded(micros: number): string {
  return exactly(micros).join("").replace(/0{1,4}$/, "");
}

/** Returns dollars to the micro-dollar, in two parts: up to the cents, and the four digits behind them. */
export function exactly(micros: number): [string, string] {
  const amount = Math.abs(micros);
  const rest = (amount % MICROS).toString().padStart(6, "0");
  return [`${micros < 0 ? "-" : ""}$${grouped(Math.floor(amount / MICROS))}.${rest.slice(0, 2)}`, rest.slice(2)];
}
