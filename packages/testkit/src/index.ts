/**
 * What tests stand on: a clock and randomness that obey, and under `./compliance/*` the behaviour that every adapter of a port
 * must show. Development only.
 */
export { FakeClock } from "./fake-clock.ts";
export { SeededRandom } from "./seeded-random.ts";
