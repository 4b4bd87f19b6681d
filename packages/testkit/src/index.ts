/**
 * What tests stand on: a clock and randomness that obey, a device and a mesh that speak to a registry by hand, and
 * under `./compliance/*` the behaviour that every adapter of a port must show. Development only.
 */
export { FakeClock } from "./fake-clock.ts";
export { FakeSchedule } from "./fake-schedule.ts";
export { SeededRandom } from "./seeded-random.ts";
export { testCard } from "./test-card.ts";
export { testEnvelope } from "./test-envelope.ts";
export { type OpenOptions, type PostResult, TestDevice } from "./test-device.ts";
export { randomId16, TestIdentity, type TestIdentityOptions } from "./test-identity.ts";
export { testId, testRoutedFrame } from "./test-routed-frame.ts";
export { type SocketClose, type SocketEvent, TestSocket } from "./test-socket.ts";
export { callRegistry, type JoinOptions, WireMesh } from "./wire-mesh.ts";
