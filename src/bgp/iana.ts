/** Numbers of the IANA registries "BGP Parameters", "Capability Codes" and "Address Family Numbers", and nothing else. */

export const MESSAGE_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

export const ERROR_CODE = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimerExpired: 8,
} as const;

export const HEADER_ERROR = { notSynchronized: 1, badLength: 2, badType: 3 } as const;

export const OPEN_ERROR = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedParameter: 4,
  /** Deprecated by RFC 4271; old routers say it. */
  authenticationFailure: 5,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  /** RFC 9234. */
  roleMismatch: 11,
} as const;

export const UPDATE_ERROR = {
  malformedAttributeList: 1,
  unrecognizedWellKnown: 2,
  missingWellKnown: 3,
  attributeFlags: 4,
  attributeLength: 5,
  invalidOrigin: 6,
  /** Deprecated by RFC 4271; old routers say it. */
  asRoutingLoop: 7,
  invalidNextHop: 8,
  optionalAttribute: 9,
  invalidNetworkField: 10,
  malformedAsPath: 11,
} as const;

/** RFC 6608. */
export const FSM_ERROR = { unspecified: 0, openSent: 1, openConfirm: 2, established: 3 } as const;

/** RFC 4486, RFC 8538, RFC 9384. */
export const CEASE = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** RFC 7313. */
export const ROUTE_REFRESH_ERROR = { invalidMessageLength: 1 } as const;

/** What a ROUTE-REFRESH is where RFC 7313 is negotiated. */
export const REFRESH_SUBTYPE = { request: 0, begin: 1, end: 2 } as const;

export const ATTRIBUTE_TYPE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  aigp: 26,
  largeCommunities: 32,
  onlyToCustomer: 35,
  prefixSid: 40,
} as const;

export const ATTRIBUTE_FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const AS_PATH_SEGMENT = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;

export const OPEN_PARAMETER = { capabilities: 2, extendedLength: 255 } as const;

export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  outboundRouteFilter: 3,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAsn: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  hostName: 73,
  softwareVersion: 75,
  linkLocalNextHop: 77,
} as const;

/** RFC 9234 section 4.1: what the sender of the capability is to its peer. */
export const ROLE = { provider: 0, routeServer: 1, routeServerClient: 2, customer: 3, peer: 4 } as const;

export const AFI = { ipv4: 1, ipv6: 2 } as const;

export const SAFI = { unicast: 1 } as const;
