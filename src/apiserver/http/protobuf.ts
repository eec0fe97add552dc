import { ShortReadError } from "../../wire/errors.ts";
import { Reader } from "../../wire/reader.ts";
import type { JsonObject } from "../json.ts";
import { badRequest } from "../status.ts";
import { unsupportedMediaType } from "../write.ts";
import { type Field, MESSAGES, type Message, type Scalar, typeMeta } from "./protobuf-kinds.ts";

interface RawField {
  readonly number: number;
  readonly int: number;
  readonly bytes: Uint8Array;
}

function varint(r: Reader): number {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = r.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number(BigInt.asIntN(64, value));
  }
  throw badRequest("protobuf: a varint is too long");
}

const EMPTY = new Uint8Array();

function* rawFields(bytes: Uint8Array): Generator<RawField> {
  const r = new Reader(bytes);
  while (r.remaining > 0) {
    const tag = varint(r);
    const number = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 0) yield { number, int: varint(r), bytes: EMPTY };
    else if (wireType === 2) yield { number, int: 0, bytes: r.bytes(varint(r)) };
    else throw badRequest(`protobuf: wire type ${wireType} has no place in this kind`);
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function decodeTime(bytes: Uint8Array): string | undefined {
  const seconds = [...rawFields(bytes)].find((field) => field.number === 1)?.int;
  return seconds === undefined ? undefined : `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

function decodeIntOrString(bytes: Uint8Array): string | number | undefined {
  const fields = new Map([...rawFields(bytes)].map((field) => [field.number, field]));
  if (fields.get(1)?.int === 1) return text(fields.get(3)?.bytes ?? EMPTY);
  // Zero is Go's way to say that nothing was given.
  return fields.get(2)?.int || undefined;
}

function decodeEntry(bytes: Uint8Array, encoding: "utf8" | "base64"): readonly [string, string] {
  const fields = new Map([...rawFields(bytes)].map((field) => [field.number, field.bytes]));
  return [text(fields.get(1) ?? EMPTY), Buffer.from(fields.get(2) ?? EMPTY).toString(encoding)];
}

function decodeScalar(type: Scalar, raw: RawField): unknown {
  switch (type) {
    case "bool":
      return raw.int !== 0;
    case "int":
      return raw.int === 0 ? undefined : raw.int;
    case "string":
      return text(raw.bytes) || undefined;
    case "time":
      return decodeTime(raw.bytes);
    case "intOrString":
      return decodeIntOrString(raw.bytes);
  }
}

function append(target: JsonObject, name: string, value: unknown): void {
  const before = target[name];
  target[name] = Array.isArray(before) ? [...before, value] : [value];
}

function addEntry(target: JsonObject, name: string, [key, value]: readonly [string, string]): void {
  const before = target[name];
  target[name] = { ...(typeof before === "object" ? before : {}), [key]: value };
}

function decodeField(target: JsonObject, field: Field, raw: RawField): void {
  const [name, type] = field;
  if (type === "message") target[name] = decodeMessage(raw.bytes, field[2]);
  else if (type === "messages") append(target, name, decodeMessage(raw.bytes, field[2]));
  else if (type === "strings") append(target, name, text(raw.bytes));
  else if (type === "textMap") addEntry(target, name, decodeEntry(raw.bytes, "utf8"));
  else if (type === "bytesMap") addEntry(target, name, decodeEntry(raw.bytes, "base64"));
  else {
    const value = decodeScalar(type, raw);
    if (value !== undefined) target[name] = value;
  }
}

function decodeMessage(bytes: Uint8Array, message: Message): JsonObject {
  const result: JsonObject = {};
  for (const raw of rawFields(bytes)) {
    const field = message[raw.number];
    if (field !== undefined) decodeField(result, field, raw);
  }
  return result;
}

const MAGIC = "k8s\0";

/**
 * Reads `k8s\0` and a `runtime.Unknown` around one of the kinds in the table.
 * @throws ApiError 400 for another format, 415 for another kind.
 */
export function decodeProtobuf(body: Buffer): JsonObject {
  try {
    return decodeEnvelope(body);
  } catch (error) {
    if (!(error instanceof ShortReadError)) throw error;
    throw badRequest(`protobuf: ${error.message}`);
  }
}

function decodeEnvelope(body: Buffer): JsonObject {
  if (body.subarray(0, MAGIC.length).toString() !== MAGIC)
    throw badRequest("protobuf: the body does not begin with k8s\\0");
  const parts = new Map([...rawFields(body.subarray(MAGIC.length))].map((field) => [field.number, field.bytes]));
  const meta = decodeMessage(parts.get(1) ?? EMPTY, typeMeta);
  const kind = MESSAGES[`${String(meta["apiVersion"])} ${String(meta["kind"])}`];
  if (kind === undefined) throw unsupportedMediaType("application/json, application/yaml");
  return { ...meta, ...decodeMessage(parts.get(2) ?? EMPTY, kind) };
}
