import { ConfigError, PeerError } from "../wire/errors.ts";

/** A request that is no review of the kind it was sent as. */
export class InvalidReviewError extends PeerError {
  readonly code = "ERR_ADMISSION_INVALID_REVIEW";
}

/** An object that cannot be said in the other version. */
export class UnconvertibleError extends ConfigError {
  readonly code = "ERR_ADMISSION_UNCONVERTIBLE";
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}
