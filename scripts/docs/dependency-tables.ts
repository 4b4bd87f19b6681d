import { type DependencyReview, dependencyReviews } from "../dependencies/dependency-reviews.ts";
import { licenceOf } from "../dependencies/licences.ts";
import {
  directPackages,
  type LockFile,
  productionPackages,
  readLockFile,
  resolvePlace,
} from "../dependencies/lock-file.ts";

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const head = (cells: readonly string[]): readonly string[] => [row(cells), `|${cells.map(() => "---|").join("")}`];

/** The generated parts of docs/dependencies.md, from the lock file and the reviews. */
export function dependencyTables(): Readonly<Record<string, string>> {
  const lock = readLockFile();
  const production = directPackages(lock, "production");
  const development = [...directPackages(lock, "development")].filter(([name]) => !production.has(name));
  return {
    production: [
      ...head(["Package", "Licence", "Used by", "What for", "Since", "Looked at", "What would take its place"]),
      ...[...production].map(([name, folders]) => productionRow(lock, name, folders)),
    ].join("\n"),
    development: [
      ...head(["Package", "Licence", "What for", "Since", "Looked at", "What would take its place"]),
      ...development.map(([name, folders]) => row([...nameAndLicence(lock, name, folders), ...reviewCells(name)])),
    ].join("\n"),
    counts: countsOf(lock, production.size, development.length),
  };
}

function productionRow(lock: LockFile, name: string, folders: readonly string[]): string {
  const users = folders.map((folder) =>
    folder === "." ? "the launcher" : `\`${folder.split("/").at(-1) ?? folder}\``,
  );
  return row([...nameAndLicence(lock, name, folders), users.join(", "), ...reviewCells(name)]);
}

function nameAndLicence(lock: LockFile, name: string, folders: readonly string[]): readonly [string, string] {
  const [folder = ""] = folders;
  const place = resolvePlace(lock, folder === "." ? "" : folder, name);
  return [`\`${name}\``, licenceOf(lock.packages[place ?? ""]?.license) ?? "none"];
}

function reviewCells(name: string): readonly string[] {
  const review: DependencyReview | undefined = dependencyReviews[name];
  if (review === undefined) return ["not looked at", "", "", ""];
  return [review.why, String(review.since), review.looked, review.instead];
}

function countsOf(lock: LockFile, production: number, development: number): string {
  const packages = productionPackages(lock);
  const licences = Map.groupBy(packages, ({ entry }) => licenceOf(entry.license) ?? "none");
  const counts = [...licences]
    .map(([licence, { length }]) => ({ licence, length }))
    .toSorted((one, other) => other.length - one.length || (one.licence < other.licence ? -1 : 1))
    .map(({ licence, length }) => `${licence} ${length}`);
  return (
    `${production} packages are named for running and ${development} for development and tests only. ` +
    `With what they need themselves, ${packages.length} run when Parley runs: ${counts.join(", ")}.`
  );
}
