import { expect, test } from "vitest";
import { daysOf, isDay, shifted } from "../src/format/days";
import { exactly } from "../src/format/money";
import { periodOf, usualPeriods } from "../src/screens/money/period";
import { byDay, inForce, type Ledger, type Price, scale, share, sumOf } from "../src/screens/money/sums";

const TODAY = "2026-11-22";

test("an amount is said to the micro-dollar, whatever its size", () => {
  expect([0, 1, 2_024, 999_999, 1_234_567_890_123, -2_024].map((micros) => exactly(micros).join(""))).toEqual([
    "$0.000000",
    "$0.000001",
    "$0.002024",
    "$0.999999",
    "$1,234,567.890123",
    "-$0.002024",
  ]);
});

test("a day is one that there is, and they go over months and leap years", () => {
  expect(["2026-11-22", "2026-02-30", "2026-13-01", "yesterday", ""].map(isDay)).toEqual([true, false, false, false, false]);
  expect(shifted("2028-02-28", 1)).toBe("2028-02-29");
  expect(daysOf("2026-10-31", "2026-11-02", 9)).toEqual(["2026-10-31", "2026-11-01", "2026-11-02"]);
  expect(daysOf("2020-01-01", "2026-11-02", 2)).toEqual(["2026-11-01", "2026-11-02"]);
});

test("a period has both its days, and what an address says wrongly is put right", () => {
  expect(periodOf("", "", TODAY)).toEqual({ from: "2026-10-24", to: TODAY, asked: { from: "2026-10-24T00:00:00Z", to: "2026-11-23T00:00:00Z" } });
  expect(periodOf("2026-11-22", "2026-11-01", TODAY)).toMatchObject({ from: "2026-11-01", to: "2026-11-22" });
  expect(periodOf("nonsense", "2026-02-30", TODAY)).toMatchObject({ from: "2026-10-24", to: TODAY });
  expect(periodOf("2027-01-01", "", TODAY)).toMatchObject({ from: "2027-01-01", to: "2027-01-01" });
  for (const [, from] of usualPeriods(TODAY)) expect(periodOf(from, TODAY, TODAY)).toMatchObject({ from, to: TODAY });
});

function ledger(rows: [string, number][], billed: number): Ledger {
  return {
    by: "day",
    rows: rows.map(([key, micros]) => ({ key, billed_usd_micros: micros, held_usd_micros: 0, entries: 1 })),
    billed_usd_micros: billed,
    held_usd_micros: 0,
    entries: rows.length,
    as_of: null,
    correlation_id: "",
  };
}

test("rows that do not add up to the total are found, to the micro-dollar", () => {
  const rows: [string, number][] = [["2026-11-21", 25_863], ["2026-11-22", -2_024]];
  expect(sumOf(ledger(rows, 23_839))).toMatchObject({ billed: 23_839, entries: 2, agrees: true });
  expect(sumOf(ledger(rows, 23_838)).agrees).toBe(false);
  expect(byDay(ledger(rows, 0).rows, "2026-11-20", "2026-11-22").map((day) => day.micros)).toEqual([0, 25_863, -2_024]);
  expect([share(1, 3), share(0, 0), share(-2_024, 23_839)]).toEqual(["33.3 %", "–", "-8.5 %"]);
});

function price(owner: string, model: string, valid_from: string): Price {
  const cost = { cached_input_usd_micros_per_million: null, embedding_usd_micros_per_million: null, image_usd_micros: 0 };
  return { owner, model, valid_from, version: 1, known_from: valid_from, input_usd_micros_per_million: 1, output_usd_micros_per_million: 1, ...cost };
}

test("of a model the tenant's newest price holds, before the platform's, and none of the future", () => {
  const prices = [
    price("tenant", "a", "2026-01-01T00:00:00Z"),
    price("tenant", "a", "2026-06-01T00:00:00Z"),
    price("tenant", "a", "2027-01-01T00:00:00Z"),
    price("platform", "a", "2026-09-01T00:00:00Z"),
    price("platform", "b", "2026-09-01T00:00:00Z"),
    price("tenant", "b", "2027-01-01T00:00:00Z"),
  ];
  expect([...inForce(prices, Date.parse("2026-11-22T00:00:00Z"))]).toEqual([prices[1], prices[4]]);
});

test.each([
  [0, 0],
  [7, 0],
  [23_839, 0],
  [25_863, -2_024],
  [0, -5],
  [999_999_999, 0],
])("an axis from %d down to %d has few round amounts, and holds both and 0", (most, least) => {
  const found = scale(most, least);
  expect(found.length).toBeLessThanOrEqual(6);
  expect(found).toContain(0);
  expect(found.at(-1)).toBeGreaterThanOrEqual(most);
  expect(found[0]).toBeLessThanOrEqual(least);
  expect(found.every(Number.isInteger)).toBe(true);
});
