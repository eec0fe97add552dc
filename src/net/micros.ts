import type { Brand } from "./brand.ts";

/** Integer microseconds: the unit of every interval on the BFD wire. */
export type Micros = Brand<number, "Micros">;

export const micros = (n: number): Micros => Math.trunc(n) as Micros;
export const millis = (n: number): Micros => micros(n * 1000);
export const seconds = (n: number): Micros => micros(n * 1_000_000);
