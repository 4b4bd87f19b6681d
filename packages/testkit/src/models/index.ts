/** A stand-in for providers of models, and the recordings that it replays. */
export { ModelStandIn, type SeenRequest, standInKey } from "./model-stand-in.ts";
export { type Recording, recordingSchema } from "./recording.ts";
