import { CodedError, PeerError } from "../wire/errors.ts";
import { ERROR_CODE, HEADER_ERROR, OPEN_ERROR, ROUTE_REFRESH_ERROR, UPDATE_ERROR } from "./iana.ts";

/** The value of a NOTIFICATION message (RFC 4271 section 4.5). `data` is a plain array so that it survives JSON. */
export interface Notification {
  readonly code: number;
  readonly subcode: number;
  readonly data: readonly number[];
}

/** A fault of the peer that ends the session: what to send is part of the error, so no second mapping can forget it. */
export abstract class NotificationError extends PeerError {
  readonly notification: Notification;

  constructor(message: string, notification: Notification, options?: ErrorOptions) {
    super(message, options);
    this.notification = notification;
  }
}

const header = (subcode: number, data: readonly number[] = []): Notification => ({
  code: ERROR_CODE.messageHeader,
  subcode,
  data,
});

/** The 16 octets of marker are not all ones. */
export class ConnectionNotSynchronizedError extends NotificationError {
  readonly code = "ERR_BGP_NOT_SYNCHRONIZED";
  constructor() {
    super("the marker is not all ones", header(HEADER_ERROR.notSynchronized));
  }
}

/** A length no message, or no message of this type, may have. */
export class BadMessageLengthError extends NotificationError {
  readonly code = "ERR_BGP_BAD_MESSAGE_LENGTH";
  constructor(length: number) {
    super(`a message of ${length} octets`, header(HEADER_ERROR.badLength, octets(length, 2)));
  }
}

export class BadMessageTypeError extends NotificationError {
  readonly code = "ERR_BGP_BAD_MESSAGE_TYPE";
  constructor(type: number) {
    super(`unknown message type ${type}`, header(HEADER_ERROR.badType, [type]));
  }
}

const open = (subcode: number, data: readonly number[] = []): Notification => ({
  code: ERROR_CODE.openMessage,
  subcode,
  data,
});

/** An OPEN whose lengths do not fit together. */
export class MalformedOpenError extends NotificationError {
  readonly code = "ERR_BGP_MALFORMED_OPEN";
  constructor(message: string, options?: ErrorOptions) {
    super(message, open(OPEN_ERROR.unspecific), options);
  }
}

/** The data says which version we want: 4. */
export class UnsupportedVersionError extends NotificationError {
  readonly code = "ERR_BGP_UNSUPPORTED_VERSION";
  constructor(version: number) {
    super(`BGP version ${version}`, open(OPEN_ERROR.unsupportedVersion, octets(4, 2)));
  }
}

/** The data is the AS number we did not want. */
export class BadPeerAsError extends NotificationError {
  readonly code = "ERR_BGP_BAD_PEER_AS";
  constructor(asn: number, wanted: string) {
    super(`the peer says AS ${asn}, want ${wanted}`, open(OPEN_ERROR.badPeerAs, octets(asn, asn > 0xffff ? 4 : 2)));
  }
}

export class BadBgpIdentifierError extends NotificationError {
  readonly code = "ERR_BGP_BAD_IDENTIFIER";
  constructor(message: string) {
    super(message, open(OPEN_ERROR.badIdentifier));
  }
}

export class UnsupportedOptionalParameterError extends NotificationError {
  readonly code = "ERR_BGP_UNSUPPORTED_PARAMETER";
  constructor(type: number) {
    super(`optional parameter of type ${type}`, open(OPEN_ERROR.unsupportedParameter));
  }
}

export class UnacceptableHoldTimeError extends NotificationError {
  readonly code = "ERR_BGP_UNACCEPTABLE_HOLD_TIME";
  constructor(holdTime: number) {
    super(`hold time ${holdTime} s, want 0 or at least 3`, open(OPEN_ERROR.unacceptableHoldTime));
  }
}

/** The data is what the peer lacks, as capabilities (RFC 5492 section 5). */
export class UnsupportedCapabilityError extends NotificationError {
  readonly code = "ERR_BGP_UNSUPPORTED_CAPABILITY";
  constructor(message: string, missing: Uint8Array) {
    super(message, open(OPEN_ERROR.unsupportedCapability, [...missing]));
  }
}

/** RFC 9234 section 4.2: two ends that do not fit together, or one that says two things of itself. */
export class RoleMismatchError extends NotificationError {
  readonly code = "ERR_BGP_ROLE_MISMATCH";
  constructor(message: string) {
    super(message, open(OPEN_ERROR.roleMismatch));
  }
}

const update = (subcode: number, data: readonly number[] = []): Notification => ({
  code: ERROR_CODE.updateMessage,
  subcode,
  data,
});

/** Lengths that lie outside the message, or a multiprotocol attribute sent twice. */
export class MalformedAttributeListError extends NotificationError {
  readonly code = "ERR_BGP_MALFORMED_ATTRIBUTE_LIST";
  constructor(message: string, options?: ErrorOptions) {
    super(message, update(UPDATE_ERROR.malformedAttributeList), options);
  }
}

export class UnrecognizedWellKnownAttributeError extends NotificationError {
  readonly code = "ERR_BGP_UNRECOGNIZED_WELL_KNOWN";
  constructor(type: number, attribute: readonly number[]) {
    super(`unknown well-known attribute ${type}`, update(UPDATE_ERROR.unrecognizedWellKnown, attribute));
  }
}

/** A multiprotocol attribute we cannot trust: nobody can say which routes it meant. The data is the attribute. */
export class OptionalAttributeError extends NotificationError {
  readonly code = "ERR_BGP_OPTIONAL_ATTRIBUTE";
  constructor(message: string, attribute: readonly number[], options?: ErrorOptions) {
    super(message, update(UPDATE_ERROR.optionalAttribute, attribute), options);
  }
}

/** An NLRI field that does not parse. */
export class InvalidNetworkFieldError extends NotificationError {
  readonly code = "ERR_BGP_INVALID_NETWORK_FIELD";
  constructor(message: string, options?: ErrorOptions) {
    super(message, update(UPDATE_ERROR.invalidNetworkField), options);
  }
}

/** RFC 7313 section 5: the data is the whole message. */
export class BadRouteRefreshLengthError extends NotificationError {
  readonly code = "ERR_BGP_BAD_ROUTE_REFRESH_LENGTH";
  constructor(message: readonly number[]) {
    super(`a ROUTE-REFRESH of ${message.length} octets`, {
      code: ERROR_CODE.routeRefresh,
      subcode: ROUTE_REFRESH_ERROR.invalidMessageLength,
      data: message,
    });
  }
}

/** Thrown by a capability's decoder for a value it must not have; the OPEN is refused, or the capability kept unread. */
export class MalformedCapabilityError extends PeerError {
  readonly code = "ERR_BGP_CAPABILITY_MALFORMED";
}

/** Thrown by an attribute's decoder for a value it must not have; the registry's loop turns it into that row's verdict. */
export class MalformedAttributeError extends PeerError {
  readonly code = "ERR_BGP_ATTRIBUTE_MALFORMED";
}

/** Runs a decoder and lets `wrap` name what its errors mean here; anything that is not a coded error is our bug and passes. */
export function decoding<T>(decode: () => T, wrap: (message: string, options: ErrorOptions) => NotificationError): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof NotificationError || !(error instanceof CodedError)) throw error;
    throw wrap(error.message, { cause: error });
  }
}

function octets(value: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);
}
