import { PeerError } from "../wire/errors.ts";
import type { Body } from "./admin-stream.ts";
import type { AdminViews } from "./admin-views.ts";

/** There is nothing at this path. */
export class NoSuchView extends PeerError {
  readonly code = "ERR_ADMIN_NO_SUCH_VIEW";
}

/** A request that is none, or that asks for what cannot be. */
export class BadAdminRequest extends PeerError {
  readonly code = "ERR_ADMIN_BAD_REQUEST";
}

/** An answer: its body is made while it is read. */
export interface AdminAnswer {
  readonly type: string;
  readonly body: Body;
}

export const JSON_TYPE = "application/json";
export const LINES_TYPE = "application/jsonl";

/** What an answer is made from. */
export interface Asked {
  readonly views: AdminViews;
  readonly query: URLSearchParams;
}

export function isWatched(query: URLSearchParams): boolean {
  return query.get("watch") === "1" || query.get("watch") === "true";
}

export function isFollowed(query: URLSearchParams): boolean {
  return query.get("follow") === "1" || query.get("follow") === "true";
}

/** The values asked for; none asks for all. */
export function filter(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name);
}

export function matches(wanted: readonly string[] | undefined, value: string): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.includes(value);
}

export function someMatches(wanted: readonly string[] | undefined, values: readonly string[]): boolean {
  return wanted === undefined || wanted.length === 0 || values.some((value) => wanted.includes(value));
}

export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  if (!/^\d{1,9}$/.test(given)) throw new BadAdminRequest(`${name}: want a number`);
  return Number(given);
}
