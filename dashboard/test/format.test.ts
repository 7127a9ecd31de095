import { expect, test } from "vitest";
import { dollars, grouped } from "../src/format/money";
import { count, rate, span } from "../src/format/numbers";
import { moment } from "../src/format/time";
import { contrast, ENOUGH, readable } from "../src/shell/contrast";
import { match } from "../src/match";

test.each([
  [0, "$0.00"],
  [1, "$0.000001"],
  [40, "$0.00004"],
  [1_500, "$0.0015"],
  [999_999, "$0.999999"],
  [100_000, "$0.10"],
  [1_000_000, "$1.00"],
  [1_004_999, "$1.00"],
  [1_005_000, "$1.01"],
  [12_345_678_901, "$12,345.68"],
  [-2_500_000, "-$2.50"],
  [999_999_999_999, "$1,000,000.00"],
])("%d micro-dollars are %s", (micros, text) => expect(dollars(micros)).toBe(text));

test("a count keeps its width however large it is", () => {
  expect([0, 9_999, 10_000, 123_456, 999_999, 1_234_567_890].map(count)).toEqual(["0", "9,999", "10.0k", "123k", "1.00M", "1.23G"]);
  expect([0, 99.94, 99.96, 2_000].map(rate)).toEqual(["0.0", "99.9", "100", "2,000"]);
  expect(grouped(1_234_567)).toBe("1,234,567");
});

test("how long something took says its units", () => {
  expect([-5, 850, 12_400, 185_000, 7_800_000, 356_400_000].map(span)).toEqual(["0 ms", "850 ms", "12 s", "3 min 05 s", "2 h 10 min", "4 d 3 h"]);
});

test("a moment is said in its zone, over the change of the clocks too", () => {
  expect(moment("2026-11-22T08:00:00.250Z", "UTC")).toEqual({ day: "2026-11-22", clock: "08:00:00", ms: "250", zone: "UTC" });
  expect(moment("2026-03-29T00:59:59Z", "Europe/Berlin")).toMatchObject({ clock: "01:59:59", zone: "GMT+1" });
  expect(moment("2026-03-29T01:00:00Z", "Europe/Berlin")).toMatchObject({ clock: "03:00:00", zone: "GMT+2" });
  expect(moment("2026-11-22T23:30:00Z", "Asia/Kolkata")).toMatchObject({ day: "2026-11-23", clock: "05:00:00" });
  expect(moment("never", "UTC")).toBeNull();
});

test("a tenant's accent is made stronger until it can be read", () => {
  for (const colour of ["#ffff00", "#0b5cad", "#777777", "#ffffff", "#000000"]) {
    for (const page of ["#f5f6f8", "#1c222b"]) expect(contrast(readable(colour, page), page)).toBeGreaterThanOrEqual(ENOUGH);
  }
  expect(readable("red; background: url(x)", "#ffffff")).toBe("");
});

test("an address is matched with its parameters, and nothing else is", () => {
  expect(match("/app/runs/:id", "/app/runs/a%2Fb")).toEqual({ id: "a/b" });
  expect(match("/app/runs", "/app/runs/")).toEqual({});
  expect(match("/", "/")).toEqual({});
  expect(match("/app/runs/:id", "/app/runs/")).toBeNull();
  expect(match("/app/runs/:id", "/app/runs/%zz")).toEqual({ id: "%zz" });
});
