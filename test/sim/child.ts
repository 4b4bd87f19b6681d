/** A child of `npm run sim`: runs the batches of seeds that its parent sends. */
import { prepare, runBatch, type SeedBatch } from "./seed-runner.ts";

const cast = await prepare();
let running: Promise<void> = Promise.resolve();
process.on("message", (batch: SeedBatch) => {
  running = running.then(async () => {
    process.send?.(await runBatch(cast, batch));
  });
});
process.on("disconnect", () => process.exit(0));
