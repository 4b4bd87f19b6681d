import { type DependencyReview, dependencyReviews } from "./dependency-reviews.ts";
import { isAllowed, licenceOf } from "./licences.ts";
import { directPackages, isForeign, type LockFile, productionPackages } from "./lock-file.ts";

/** Packages that have a script for their installation, and why it may stay: none of them runs (`ignore-scripts` in .npmrc). */
const installScripts: Readonly<Record<string, string>> = {
  "node_modules/esbuild": "tries its own binary, which is an optional package; works without",
};

/**
 * Development tools' binaries for machines other than those on which the lock file was written: npm notes no hash for what it
 * did not fetch. Nothing of this runs when Parley runs.
 */
const withoutHash = /^node_modules\/(@oxc-parser|@oxfmt|@oxlint|@oxlint-tsgolint)\//;

const publicRegistry = "https://registry.npmjs.org/";

/** What is wrong with what we stand on, as sentences; none when all is well. */
export function dependencyProblems(
  lock: LockFile,
  reviews: Readonly<Record<string, DependencyReview>> = dependencyReviews,
): readonly string[] {
  return [...problemsOfPackages(lock), ...problemsOfReviews(lock, reviews)];
}

function problemsOfPackages(lock: LockFile): readonly string[] {
  const production = new Set(productionPackages(lock).map(({ path }) => path));
  return Object.entries(lock.packages)
    .filter(([path, entry]) => isForeign(path, entry))
    .flatMap(([path, { license, integrity, resolved, hasInstallScript }]) => {
      const problems: string[] = [];
      const licence = licenceOf(license);
      if (!isAllowed(licence)) problems.push(`has the licence ${licence ?? "none"}, which is not allowed`);
      const isHashed = integrity?.startsWith("sha512-") === true;
      if (!isHashed && (production.has(path) || !withoutHash.test(path))) problems.push("has no sha512 hash");
      if (resolved !== undefined && !resolved.startsWith(publicRegistry))
        problems.push(`is fetched from ${resolved}, not from the public registry`);
      if (hasInstallScript === true && installScripts[path] === undefined)
        problems.push("has an install script that is not listed");
      return problems.map((problem) => `${path} ${problem}.`);
    });
}

/** Each package that we name ourselves was looked at, and nothing else is said to have been. */
function problemsOfReviews(lock: LockFile, reviews: Readonly<Record<string, DependencyReview>>): readonly string[] {
  const named = [...directPackages(lock, "production").keys(), ...directPackages(lock, "development").keys()];
  const unknown = named.filter((name) => reviews[name] === undefined);
  const gone = Object.keys(reviews).filter((name) => !named.includes(name));
  return [
    ...[...new Set(unknown)].map((name) => `${name} has no row in scripts/dependencies/dependency-reviews.ts.`),
    ...gone.map((name) => `${name} has a row in scripts/dependencies/dependency-reviews.ts and is not used.`),
  ];
}
