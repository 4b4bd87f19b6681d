import type { PolicyMember } from "./policy-question.ts";

/** Members by their tags, as a policy names them. */
export type Tags = ReadonlyMap<string, ReadonlySet<string>>;

/** A member, as far as subjects name it. */
type NamedMember = Pick<PolicyMember, "name" | "kind"> & { readonly roles: readonly string[] };

/** Whether a member is one of those that a rule names. Nobody named is everybody. */
export function isNamed(member: NamedMember | undefined, subjects: readonly string[] | undefined, tags: Tags): boolean {
  if (subjects === undefined) return true;
  return subjects.some((subject) => fits(member, subject, tags));
}

function fits(member: NamedMember | undefined, subject: string, tags: Tags): boolean {
  if (subject === "*") return true;
  if (member === undefined) return false;
  const [kind = "", rest = ""] = split(subject);
  switch (kind) {
    case "@":
      return member.name === rest;
    case "tag":
      return tags.get(rest)?.has(member.name) ?? false;
    case "kind":
      return member.kind === rest;
    default:
      // Whoever may change operators is one.
      return member.roles.some((role) => role === rest || (rest === "operator" && role === "admin"));
  }
}

function split(subject: string): readonly string[] {
  return subject.startsWith("@") ? ["@", subject.slice(1)] : subject.split(":", 2);
}

/** Whether one of the patterns fits: a name, or its beginning and a `*`. No patterns fit everything. */
export function fitsPattern(value: string | undefined, patterns: readonly string[] | undefined): boolean {
  if (patterns === undefined) return true;
  if (value === undefined) return false;
  return patterns.some((pattern) => {
    const bare = pattern.startsWith("#") ? pattern.slice(1) : pattern;
    return bare.endsWith("*") ? value.startsWith(bare.slice(0, -1)) : value === bare;
  });
}
