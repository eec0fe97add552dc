/** What a session has negotiated: codecs take it as a value and never reach for a session. */
export interface CodecContext {
  /** Both sides sent the four-octet AS capability (RFC 6793). */
  readonly fourOctetAsn: boolean;
  /** The peer is in our own AS. */
  readonly internal: boolean;
}
