import { describe, expect, it } from "vitest";
import { dump, unpacked } from "../src/format/bytes";
import { lineOf, NoJson, placed, places } from "../src/format/json-places";

const TEXT = `{
  "source": "crm",
  "attributes": { "note": "a \\"quoted\\" }", "n": -1.5e3 },
  "lines": [true, {"id": 7}]
}`;
const said = (field: string) => {
  const { from, to } = placed(TEXT, field);
  return [lineOf(TEXT, from), TEXT.slice(from, to)];
};

describe("the place of a field", () => {
  it("is where its name and value stand", () => {
    expect(said("source")).toEqual([2, '"source": "crm"']);
    expect(said("attributes.n")).toEqual([3, '"n": -1.5e3']);
    expect(said("lines[1].id")).toEqual([4, '"id": 7']);
  });

  it("is, when it is not there, where it belongs", () => {
    expect(said("occurred_at")).toEqual([1, "{"]);
    expect(said("attributes.missing")).toEqual([3, "{"]);
    expect(said("attributes[...]")).toEqual([3, "{"]);
    expect(said("lines[9].id.deep")).toEqual([4, "["]);
    expect(said("")).toEqual([1, TEXT]);
  });

  it("agrees with what JSON is", () => {
    for (const text of [TEXT, "[]", "{}", " 0 ", '"\\u00e9"', "[[[null]]]", '{"a":[{}, 1]}']) {
      expect(() => JSON.parse(text)).not.toThrow();
      expect(places(text).get("")).toBeDefined();
    }
    for (const text of ["", "{", '{"a" 1}', "{a: 1}", "[1,]", '{"a":1,}', "01", "nul", '"\n"', '"\\x"', "1 2", "[".repeat(100_000)]) {
      expect(() => JSON.parse(text)).toThrow();
      expect(() => places(text), text.slice(0, 9)).toThrow(NoJson);
    }
  });

  it("is, of what is no JSON, where it ends to be any", () => {
    try {
      places('{\n "a": 1\n "b": 2\n}');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(NoJson);
      expect([(error as NoJson).at, (error as NoJson).message]).toEqual([11, ", or } is expected here"]);
    }
  });
});

describe("bytes", () => {
  it("are shown in hex, with what can be read of them", () => {
    expect(dump(unpacked(btoa("\xff\xfenot JSON\n")), 8)).toBe("0000 ff fe 6e 6f 74 20 4a 53 ..not JS\n0008 4f 4e 0a                ON.");
    expect(dump(new Uint8Array(), 16)).toBe("");
    expect(dump(new Uint8Array(0x10001), 16).split("\n").at(-1)).toMatch(/^10000 00/);
  });
});
