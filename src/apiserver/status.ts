import { SystemError } from "../wire/errors.ts";

/** One field that was refused, as in `details.causes` of a Status. */
export interface Cause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** What a refusal is about. */
export interface ErrorDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** The resource a refusal is about. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** A refusal of the API: thrown inside, answered as a Kubernetes `Status` object at the rim. */
export class ApiError extends SystemError {
  readonly code = "ERR_APISERVER_REFUSED";
  readonly httpStatus: number;
  readonly reason: string;
  readonly details: ErrorDetails;

  constructor(httpStatus: number, reason: string, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.httpStatus = httpStatus;
    this.reason = reason;
    this.details = details;
  }

  /** The `Status` object clients decode. */
  toStatus(): object {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      details: this.details,
      code: this.httpStatus,
    };
  }
}

/** `services`, or `ipaddresspools.metallb.io`. */
function qualified(subject: Subject): string {
  return subject.group === "" ? subject.plural : `${subject.plural}.${subject.group}`;
}

function about(subject: Subject, name: string): ErrorDetails {
  return { name, kind: subject.plural, ...(subject.group === "" ? {} : { group: subject.group }) };
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, "BadRequest", message);
}

export function notFound(subject: Subject, name: string): ApiError {
  return new ApiError(404, "NotFound", `${qualified(subject)} "${name}" not found`, about(subject, name));
}

/** A path nothing is served at: discovery clients take it for "no such kind". */
export function noSuchPath(): ApiError {
  return new ApiError(404, "NotFound", "the server could not find the requested resource");
}

export function alreadyExists(subject: Subject, name: string): ApiError {
  return new ApiError(409, "AlreadyExists", `${qualified(subject)} "${name}" already exists`, about(subject, name));
}

export function forbidden(subject: Subject, name: string, why: string): ApiError {
  return new ApiError(403, "Forbidden", `${qualified(subject)} "${name}" is forbidden: ${why}`, about(subject, name));
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

/** Optimistic concurrency: the writer did not see the newest version. */
export function conflict(subject: Subject, name: string, why?: string): ApiError {
  const text = why ?? "the object has been modified; please apply your changes to the latest version and try again";
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${text}`;
  return new ApiError(409, "Conflict", message, about(subject, name));
}

/** A webhook that had to be asked gave no answer. */
export function webhookError(message: string, cause: Error): ApiError {
  const causes = [{ reason: "", field: "", message: cause.message }];
  return new ApiError(500, "InternalError", message, { causes }, { cause });
}

/** The resourceVersion or continue token is older than what is remembered. */
export function expired(message: string): ApiError {
  return new ApiError(410, "Expired", message);
}

/** The object breaks its schema or rules; every broken field is listed. */
export function invalid(subject: Subject, name: string, causes: readonly Cause[]): ApiError {
  const kind = subject.group === "" ? subject.kind : `${subject.kind}.${subject.group}`;
  const lines = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const text = lines.length === 1 ? (lines[0] ?? "") : `[${lines.join(", ")}]`;
  const details = { ...about(subject, name), kind: subject.kind, causes };
  return new ApiError(422, "Invalid", `${kind} "${name}" is invalid: ${text}`, details);
}

/** A field without which the object means nothing. */
export function requiredField(field: string, detail = ""): Cause {
  return {
    reason: "FieldValueRequired",
    field,
    message: detail === "" ? "Required value" : `Required value: ${detail}`,
  };
}

/** A field whose value is refused, with the value as the real server prints it. */
export function invalidField(field: string, value: unknown, detail: string): Cause {
  return {
    reason: "FieldValueInvalid",
    field,
    message: `Invalid value: ${JSON.stringify(value) ?? "null"}: ${detail}`,
  };
}

/** A field that may not be there. */
export function forbiddenField(field: string, why: string): Cause {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${why}` };
}

/** A field outside its enumeration. */
export function unsupportedField(field: string, value: unknown, supported: readonly unknown[]): Cause {
  const list = supported.map((entry) => JSON.stringify(entry)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(value) ?? "null"}: supported values: ${list}`;
  return { reason: "FieldValueNotSupported", field, message };
}
