import { describe, expect, it } from "vitest";
import { asked, local, order, search, utc, wrong } from "../src/screens/topics/asked";
import { fields, lines, near } from "../src/screens/topics/diff";
import { summary } from "../src/screens/topics/summary";

describe("what is asked of a topic", () => {
  it("stands in the address as it is asked, and comes back as it was", () => {
    const said = { order: "newest", time: "2026-11-22T08:00:00.000Z", partition: "3", offset: "127", key: "a/b c", correlation_id: "x&y" };
    expect(asked(search(said))).toEqual(said);
    expect(asked("?part=schema&key=&offset=%20")).toEqual({});
  });

  it("is newest first, unless it begins somewhere, and says no order that goes without saying", () => {
    expect([order({}), order({ offset: "1" }), order({ time: "now", order: "newest" }), order({ order: "sideways" })]).toEqual(["newest", "oldest", "newest", "newest"]);
    expect([search({ order: "newest" }), search({ order: "oldest" }), search({ order: "oldest", time: "t" })]).toEqual(["", "?order=oldest", "?time=t"]);
  });

  it("needs a partition for an offset", () => {
    expect([wrong({ offset: "1" }), wrong({ offset: "1", partition: "0" })]).toEqual(["An offset needs a partition.", ""]);
  });

  it("names a moment in local time, and asks for it in UTC", () => {
    expect(utc(local("2026-11-22T08:00:05Z"))).toBe("2026-11-22T08:00:05.000Z");
    expect([local("no time"), local(undefined), utc(""), utc("soon")]).toEqual(["", "", "", ""]);
  });
});

const line = (value: Record<string, unknown>) => summary(value).map((each) => each.join("=")).join(" ");

describe("the summary of a record", () => {
  it("says first what tells most, and nothing that every event has or that is empty", () => {
    const value = { event_id: "e", rules_digest: "d", tenant_id: "t", run_id: "r", attempt: 1, status: "failed", reason: "", pins: [], notes: [1, 2], degraded: false, kind: "held" };
    expect(line(value)).toBe("kind=held status=failed attempt=1 notes=[2]");
    expect(line({})).toBe("");
  });

  it("stays in one line, however long its parts are", () => {
    const text = line({ subject: "a\n b", attributes: { note: "x".repeat(500), of: { n: 1 } }, ...Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`f${at}`, "y".repeat(500)])) });
    expect(text).toMatch(/^subject=a b attributes=\{note: x+…\} f0=y+…/);
    expect(text.length).toBeLessThan(400);
  });
});

describe("what changed between two schemas", () => {
  const schema = (...of: object[]) => JSON.stringify({ type: "record", name: "E", fields: of }, null, 1);
  const older = schema({ name: "a", type: "string" }, { name: "k", type: { type: "enum", symbols: ["x"] } }, { name: "gone", type: "int" });
  const newer = schema({ name: "a", type: "string" }, { name: "k", type: { type: "enum", symbols: ["x", "y"] } }, { name: "b", type: ["null", { type: "long", logicalType: "timestamp-micros" }], default: null });

  it("is told by field", () => {
    expect(fields(older, newer)).toEqual([
      { how: "changed", name: "k", was: "enum (x)", is: "enum (x, y)" },
      { how: "added", name: "b", was: "", is: "null | timestamp-micros, default null" },
      { how: "removed", name: "gone", was: "int", is: "" },
    ]);
    expect(fields(older, older)).toEqual([]);
  });

  it("is told by line: what is left without the new lines is the old text, and the other way round", () => {
    const found = lines(older, newer);
    const without = (sign: string) => found.filter((line) => line.sign !== sign).map((line) => line.text).join("\n");
    expect([without("+"), without("-")]).toEqual([older, newer]);
  });

  it("leaves out what lies far from any change", () => {
    const text = Array.from({ length: 20 }, (_, line) => `${line}`);
    const found = near(lines(text.join("\n"), [...text, "new"].join("\n")), 2);
    expect(found).toEqual([null, { sign: " ", text: "18" }, { sign: " ", text: "19" }, { sign: "+", text: "new" }]);
    expect(near(lines("a\nb", "a\nb"))).toEqual([null]);
  });
});
