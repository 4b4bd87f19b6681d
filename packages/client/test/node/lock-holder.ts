import { DeviceLock } from "../../src/node/index.ts";

const lock = DeviceLock.tryTake(process.argv[2] ?? "");
process.stdout.write(lock === undefined ? "refused" : "held");
setInterval(() => lock, 60_000);
