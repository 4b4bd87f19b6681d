/** Part of `npm run check`: licences, hashes, install scripts and reviews of what we stand on. Reads files only. */
import { dependencyProblems } from "./dependencies/dependency-rules.ts";
import { readLockFile } from "./dependencies/lock-file.ts";

const problems = dependencyProblems(readLockFile());
process.stderr.write(problems.map((problem) => `${problem}\n`).join(""));
process.exitCode = problems.length === 0 ? 0 : 1;
