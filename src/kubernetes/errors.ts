import { type Micros, seconds } from "../net/micros.ts";
import { ConfigError, SystemError, TransientError } from "../wire/errors.ts";

/** What the API server says about a failure: the fields of a `v1/Status` that decide anything. */
export interface ApiFailure {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfter?: Micros | undefined;
  readonly details?: unknown;
}

/** The API server answered, and the answer is no. */
export class ApiError extends SystemError {
  readonly code = "ERR_API_STATUS";
  readonly status: number;
  readonly reason: string;
  readonly retryAfter: Micros | undefined;
  readonly details: unknown;

  constructor(failure: ApiFailure) {
    super(failure.message);
    this.status = failure.status;
    this.reason = failure.reason;
    this.retryAfter = failure.retryAfter;
    this.details = failure.details;
  }
}

/** No usable answer: refused, reset, black-holed, or cut in the middle. Nobody knows whether the request was carried out. */
export class ApiUnreachable extends TransientError {
  readonly code = "ERR_API_UNREACHABLE";
}

/** An answer arrived that is not the JSON it should be. */
export class ApiGarbled extends TransientError {
  readonly code = "ERR_API_GARBLED";
}

/** Whoever sends had lost the right to when the request was about to leave: not a byte of it did. */
export class ApiFenced extends TransientError {
  readonly code = "ERR_API_FENCED";
}

/** There is no API server to talk to: neither a kubeconfig nor a service account. */
export class NoKubeconfig extends ConfigError {
  readonly code = "ERR_API_NO_KUBECONFIG";
}

/** True for the answers with which a resourceVersion or a continue token is declared too old. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === "Expired" || error.reason === "Gone");
}

/** True when the server was reached and the object is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** True when somebody else changed (or made) the object first. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}

/** True when the object may not be what it was to become: fields that cannot change, values that no rule allows. */
export function isInvalid(error: unknown): boolean {
  return error instanceof ApiError && error.status === 422;
}

/** True when the same request may well succeed later: overload, server faults, and silence. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof TransientError) return true;
  return error instanceof ApiError && (error.status === 408 || error.status === 429 || error.status >= 500);
}

const STATUS_REASON: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

interface StatusShape {
  readonly code?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
  readonly retryAfterSeconds?: unknown;
}

function shapeOf(value: unknown): StatusShape {
  return typeof value === "object" && value !== null ? value : {};
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** `Retry-After` in seconds. The date form is not read: it would compare the clocks of two hosts. */
function parseRetryAfter(value: unknown): Micros | undefined {
  const digits = typeof value === "number" ? String(value) : value;
  if (typeof digits !== "string" || !/^\d{1,6}$/.test(digits)) return undefined;
  return seconds(Number(digits));
}

/** The error in a `v1/Status` object (body of a failed request, or of an ERROR watch event); garbage gives the fallback. */
export function parseStatus(body: unknown, fallback: { status: number; retryAfter?: unknown }): ApiError {
  const shape = shapeOf(body);
  const status = typeof shape.code === "number" && shape.code >= 400 ? shape.code : fallback.status;
  const reason = text(shape.reason) ?? STATUS_REASON[status] ?? "Unknown";
  return new ApiError({
    status,
    reason,
    message: text(shape.message) ?? `API server answered ${status} ${reason}`,
    retryAfter: parseRetryAfter(fallback.retryAfter) ?? parseRetryAfter(shapeOf(shape.details).retryAfterSeconds),
    details: shape.details,
  });
}

/** The API server does not let the user run commands in pods. */
export class ExecForbidden extends SystemError {
  readonly code = "ERR_API_EXEC_FORBIDDEN";
}

/** A command in a pod ended with an error, or was not let in. */
export class CommandFailed extends SystemError {
  readonly code = "ERR_API_COMMAND_FAILED";
}
