import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../src/wire/crc32.ts";
import { LengthOverflowError, ShortReadError } from "../../src/wire/errors.ts";
import { Reader } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";
import { hex } from "../support/hex.ts";

describe("Reader", () => {
  it("reads big-endian numbers and the rest", () => {
    const r = new Reader(hex("01 0203 04050607 0809"));
    expect([r.u8(), r.u16(), r.u32(), [...r.rest()], r.remaining, r.offset]).toEqual([
      1,
      0x0203,
      0x04050607,
      [8, 9],
      0,
      9,
    ]);
  });

  it("never reads past its end, and says where it stood", () => {
    const r = new Reader(hex("01 02"));
    r.u8();
    const error = (() => {
      try {
        return r.u16();
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(ShortReadError);
    expect(error).toMatchObject({ offset: 1, wanted: 2, available: 1, name: "ShortReadError" });
  });

  it("keeps a window's reader inside the window", () => {
    const r = new Reader(hex("01 02 03 04"));
    const inner = r.window(2);
    expect(() => inner.u32()).toThrow(ShortReadError);
    expect(r.u16()).toBe(0x0304);
    expect(() => r.window(1)).toThrow(ShortReadError);
  });
});

describe("Writer", () => {
  it("patches lengths in behind nested bodies", () => {
    const w = new Writer();
    w.lengthPrefixed16((outer) => outer.u8(7).lengthPrefixed8((inner) => inner.u32(1)));
    expect([...w.finish()]).toEqual([...hex("0006 07 04 00000001")]);
  });

  it.each([
    ["one octet", 256, (w: Writer, n: number) => w.lengthPrefixed8((body) => body.bytes(new Uint8Array(n)))],
    ["two octets", 65536, (w: Writer, n: number) => w.lengthPrefixed16((body) => body.bytes(new Uint8Array(n)))],
  ])("refuses a body that a length of %s cannot say", (_name, length, write) => {
    expect(() => write(new Writer(), length)).toThrow(LengthOverflowError);
    expect(write(new Writer(), length - 1).length).toBeGreaterThan(length - 1);
  });

  it.each([1, 2, 4])("keeps a number of %s octet(s) that makes it grow", (size) => {
    const w = new Writer().bytes(new Uint8Array(256));
    if (size === 1) w.u8(0xab);
    else if (size === 2) w.u16(0xabcd);
    else w.u32(0xabcdef01);
    expect([...w.finish().subarray(256)]).toEqual([0xab, 0xcd, 0xef, 0x01].slice(0, size));
  });

  it("writes what a reader reads, however long", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 700 })), (parts) => {
        const w = new Writer();
        for (const part of parts) w.lengthPrefixed16((body) => body.bytes(part));
        const r = new Reader(w.finish());
        expect(parts.map(() => [...r.bytes(r.u16())])).toEqual(parts.map((part) => [...part]));
        expect(r.remaining).toBe(0);
      }),
    );
  });
});

describe("crc32", () => {
  it.each([
    ["", 0],
    ["123456789", 0xcbf43926],
  ])("of %j", (text, want) => {
    expect(crc32(new TextEncoder().encode(text))).toBe(want);
  });
});
