/** What others said, in the form in which a program and its model are handed it. */
import { visible } from "@parley/protocol";

/** Control and invisible characters made visible; line ends of Windows are line ends. */
export const neutralText = (text: string): string => visible(text.replaceAll("\r\n", "\n"));

const mostDepth = 64;

/** A JSON value with its strings neutral, the names of its fields included. */
export function neutralValue(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return neutralText(value);
  if (typeof value !== "object" || value === null || depth >= mostDepth) return value;
  if (Array.isArray(value)) return value.map((each) => neutralValue(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [neutralText(name), neutralValue(each, depth + 1)]),
  );
}
