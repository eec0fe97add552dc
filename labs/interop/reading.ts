/** The value when it is a number, or a string that is one; else undefined. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** Communities of RFC 8326 and RFC 9494 that some routers call by their names. */
const WELL_KNOWN: Readonly<Record<string, string>> = { gracefulshutdown: "65535:0", llgrstale: "65535:6" };

/** A community as `a:b`, however a router writes it. */
export function communityOf(text: string): string {
  return WELL_KNOWN[text.toLowerCase().replaceAll(/[-_]/g, "")] ?? text;
}

/** Words of a line, without empty ones. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** The value of the single-precision number with these bits: how routers show a link bandwidth they do not understand. */
export function singleOf(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}
