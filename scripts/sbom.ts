/** `npm run sbom`: prints what runs when Parley runs, as CycloneDX JSON, from `package-lock.json` alone. */
import { billOfMaterials } from "./dependencies/bill-of-materials.ts";
import { readLockFile } from "./dependencies/lock-file.ts";

process.stdout.write(`${JSON.stringify(billOfMaterials(readLockFile()), undefined, 2)}\n`);
