/** Every error this program throws on purpose: a stable code for logs, tests and docs. Always pass `cause` where there is one. */
export abstract class CodedError extends Error {
  abstract readonly code: `ERR_${string}`;
  override get name(): string {
    return this.constructor.name;
  }
}

/** Our own bug: a state that the code promises cannot be. */
export abstract class InvariantError extends CodedError {}

/** The user must change something: the message names the object and the field. */
export abstract class ConfigError extends CodedError {}

/** Trying again later may work: nobody has to change anything. */
export abstract class TransientError extends CodedError {}

/** The remote end sent bytes, or behaved in a way, that it must not. */
export abstract class PeerError extends CodedError {}

/** The operating system or the Kubernetes API refused. */
export abstract class SystemError extends CodedError {}

/** The bytes ended, or a field's length lies outside its parent. */
export class ShortReadError extends PeerError {
  readonly code = "ERR_WIRE_SHORT_READ";
  readonly offset: number;
  readonly wanted: number;
  readonly available: number;

  constructor(offset: number, wanted: number, available: number) {
    super(`need ${wanted} byte(s) at offset ${offset}, ${available} left`);
    this.offset = offset;
    this.wanted = wanted;
    this.available = available;
  }
}

/** A length prefix cannot say how long its body became: our own encoder should have split it. */
export class LengthOverflowError extends InvariantError {
  readonly code = "ERR_WIRE_LENGTH_OVERFLOW";

  constructor(length: number, max: number) {
    super(`a body of ${length} octets behind a length of at most ${max}`);
  }
}
