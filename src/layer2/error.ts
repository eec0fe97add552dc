import { PeerError } from "../wire/errors.ts";

/** What is wrong with a frame. */
export type FrameRefusal = "malformed" | "hop-limit" | "checksum";

/** A frame that must be dropped without any other effect. */
export class FrameRefused extends PeerError {
  readonly code = "ERR_LAYER2_FRAME_REFUSED";
  readonly refusal: FrameRefusal;

  constructor(refusal: FrameRefusal, options?: ErrorOptions) {
    super(`a frame is dropped: ${refusal}`, options);
    this.refusal = refusal;
  }
}
