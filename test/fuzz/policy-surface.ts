import { peekStatement, Policy, type PolicyMember, type PolicyQuestion, uselessParts } from "@parley/core";
import {
  isParleyError,
  policyActions,
  type PolicyDocument,
  policyDocumentSchema,
  type PolicyRule,
  toBase64url,
} from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import { readPolicy } from "../../packages/cli/src/policy/policy-file.ts";
import { policyYaml } from "../../packages/cli/src/policy/policy-text.ts";
import { countedWork, partsOf } from "./counted-work.ts";
import { hostileYaml } from "./hostile-yaml.ts";
import { mutateText } from "./mutate.ts";
import { BrokenInvariant, plantedText, type Surface } from "./surface.ts";

const textsPerCase = 10;
const statementsPerCase = 10;
const questionsPerCase = 30;
/** Looks at a policy for each of its parts that a question may take, and a question about two rules at a time. */
const looksPerPart = 20;
const fewLooks = 200;

const names = ["ada", "bob", "ci", "deployer", "x"] as const;
const subjects = ["*", ...names.map((name) => `@${name}`), "tag:ops", "tag:none", "kind:agent", "kind:person"];
const roles = ["operator", "admin", "member", "guest", "observer"] as const;
const skills = ["deploy", "deploy.eu", "search"] as const;
const channels = ["general", "gen", "ops"] as const;
const skillPatterns = ["*", "deploy", "deploy*", "s*", "search"] as const;
const channelPatterns = ["*", "#general", "gen*", "#o*", "ops"] as const;

const some = <Item>(items: readonly Item[], random: SeededRandom): Item[] =>
  Array.from({ length: 1 + random.below(3) }, () => random.pick(items));

function ruleIn(random: SeededRandom): PolicyRule {
  const parts = {
    ...(random.chance(0.6) ? { who: some([...subjects, ...roles.map((role) => `role:${role}`)], random) } : {}),
    ...(random.chance(0.4) ? { to: some(subjects, random) } : {}),
    ...(random.chance(0.3) ? { skills: some(skillPatterns, random) } : {}),
    ...(random.chance(0.2) ? { channels: some(channelPatterns, random) } : {}),
    ...(random.chance(0.3) ? { note: plantedText } : {}),
  };
  const actions = some(policyActions, random);
  if (random.chance(0.4)) return { deny: actions, ...parts };
  return { allow: actions, ...parts, ...(random.chance(0.2) ? { approval: { quorum: 1 + random.below(3) } } : {}) };
}

function documentIn(random: SeededRandom): PolicyDocument {
  return policyDocumentSchema.parse({
    tags: { ops: ["@ada", "@ci"], none: [] },
    rules: Array.from({ length: random.below(10) }, () => ruleIn(random)),
    ...(random.chance(0.4)
      ? { budgets: [{ who: some(subjects, random), messages: { hour: random.below(1000) }, note: plantedText }] }
      : {}),
  });
}

function memberIn(random: SeededRandom): PolicyMember {
  const name = random.pick(names);
  return {
    member: `id-of-${name}`,
    name,
    kind: random.chance(0.5) ? "agent" : "person",
    roles: [random.pick(roles)],
    ...(random.chance(0.2)
      ? { scope: { skills: some(skillPatterns, random), channels: some(channelPatterns, random) } }
      : {}),
  };
}

/** What may be asked of a policy: an act has a skill, a channel and somebody it is done to where it can have them. */
function questionIn(random: SeededRandom): PolicyQuestion {
  const action = random.pick(policyActions);
  const isToSomebody = action !== "post" && action !== "invite";
  return {
    action,
    who: memberIn(random),
    ...(isToSomebody ? { to: memberIn(random) } : {}),
    ...((action === "call" || action === "approve") && random.chance(0.8) ? { skill: random.pick(skills) } : {}),
    ...(action === "post" ? { channel: random.pick(channels) } : {}),
  };
}

function checkWork(looks: number, most: number, what: string): void {
  if (looks > most) throw new BrokenInvariant(`${what} took ${looks} looks at the policy, more than ${most}`);
}

/** One question: answered in bounded work, as `explain` shows it, whatever the order of the rules. */
function ask(document: PolicyDocument, question: PolicyQuestion): void {
  const counted = countedWork(document);
  const policy = new Policy(counted.value);
  counted.take();
  const most = fewLooks + looksPerPart * partsOf(document);
  const decision = policy.decide(question);
  checkWork(counted.take(), most, "a question");
  const fitting = policy.explain(question).filter(({ mismatch }) => mismatch === undefined);
  checkWork(counted.take(), most, "an explanation");
  const isDenied = fitting.some(({ effect }) => effect === "deny");
  const isAllowed = !isDenied && fitting.length > 0;
  if (decision.reason !== "out-of-scope" && decision.allowed !== isAllowed)
    throw new BrokenInvariant("a policy decides otherwise than it explains");
  const turned = new Policy({ ...document, rules: document.rules.toReversed() });
  if (turned.decide(question).allowed !== decision.allowed)
    throw new BrokenInvariant("the order of the rules makes a difference");
}

/** Rules that are called useless can go without a difference. */
function askWithoutUseless(document: PolicyDocument, questions: readonly PolicyQuestion[]): void {
  const counted = countedWork(document);
  const found = uselessParts(counted.value, new Set(names));
  const parts = partsOf(document);
  checkWork(counted.take(), fewLooks + looksPerPart * parts * parts, "looking for what is of no use");
  const useless = new Set(found.filter(({ path }) => isOfRule(path)).map(({ path }) => path[1]));
  const policy = new Policy(document);
  const bare = new Policy({ ...document, rules: document.rules.filter((_rule, index) => !useless.has(index)) });
  const differs = questions.find((question) => policy.decide(question).allowed !== bare.decide(question).allowed);
  if (differs !== undefined)
    throw new BrokenInvariant(`a rule that is called useless makes a difference: ${differs.action}`);
}

/** Whole rules; not a name in one that nobody has. */
const isOfRule = (path: readonly (string | number)[]): boolean =>
  path[0] === "rules" && (path.length === 2 || (path.length === 3 && path[2] !== "who"));

function askAll(document: PolicyDocument, random: SeededRandom): number {
  const questions = Array.from({ length: questionsPerCase }, () => questionIn(random));
  for (const question of questions) ask(document, question);
  askWithoutUseless(document, questions);
  return questions.length;
}

/** The file of an operator: a policy or problems with places, and what is read can be written and read again. */
function feedText(document: PolicyDocument, random: SeededRandom): number {
  const text = hostileYaml(random.chance(0.5) ? document : readBack(document), random, plantedText);
  const read = readPolicy(text);
  if (!read.ok) {
    if (read.problems.length === 0) throw new BrokenInvariant("a file is refused for no reason");
    checkProblems(read.problems);
    return 1;
  }
  const again = readPolicy(policyYaml(read.document));
  if (!again.ok || JSON.stringify(again.document) !== JSON.stringify(read.document))
    throw new BrokenInvariant("a policy is another one after it was written and read");
  return 1 + askAll(read.document, random);
}

/** The form of the file, with single values and times as people write them. */
const readBack = (document: PolicyDocument): unknown => ({
  ...document,
  rules: document.rules.map((rule) =>
    "allow" in rule && rule.approval !== undefined ? { ...rule, approval: { within: "10m" } } : rule,
  ),
});

export function checkProblems(
  problems: readonly { readonly line: number; readonly column: number; readonly message: string }[],
): void {
  for (const { line, column, message } of problems) {
    if (!(line >= 1 && column >= 1)) throw new BrokenInvariant("a problem has no place");
    // Keys are said, so that whoever wrote them finds them.
    const said = message.replace(/unknown key "[\w.-]*"/g, "");
    if (said.includes(plantedText)) throw new BrokenInvariant(`a problem says what stands in the file: ${message}`);
  }
}

/** The signed document: what its reader takes is of its form. */
function feedStatement(document: PolicyDocument, random: SeededRandom): void {
  const header = { alg: "EdDSA", typ: "parley-policy", kid: "A".repeat(43) };
  const payload = { mesh: "A".repeat(43), number: 1, policy: document, iat: 0 };
  const encode = (text: string): string => toBase64url(new TextEncoder().encode(text));
  const compact = `${encode(random.chance(0.9) ? JSON.stringify(header) : mutateText(header, random))}.${encode(mutateText(payload, random))}.AAAA`;
  try {
    askAll(peekStatement("policy", compact).policy, random);
  } catch (error) {
    if (!isParleyError(error)) throw error;
    if (error.message.includes(plantedText)) throw new BrokenInvariant("an error says what stands in a statement");
  }
}

/** What operators write and sign about who may do what, and every question that it is asked. */
export function openPolicySurface(): Surface {
  return {
    secrets: [plantedText],
    takeLog: () => [],
    run(random) {
      let fed = 0;
      const document = documentIn(random);
      for (let count = 0; count < textsPerCase; count++) fed += feedText(document, random);
      for (let count = 0; count < statementsPerCase; count++, fed++) feedStatement(document, random);
      return fed + askAll(document, random);
    },
    async probe() {
      const read = readPolicy("rules:\n  - {allow: call, who: '@ada'}\n");
      if (!read.ok || read.document.rules.length !== 1) throw new BrokenInvariant("a policy is not read any more");
    },
    close: () => Promise.resolve(),
  };
}
