/** What a demonstration shows: a small mesh on an ordinary morning, and what a test may make happen in it. */
import type { FakeDevice } from "./fake-device.ts";
import { idOf } from "./fake-device.ts";

export const general = `#${idOf("general")}`;
const vault = `#${idOf("vault")}`;

type Scene = (act: string, facts: Record<string, unknown>) => Promise<void>;

export function playDemo(device: FakeDevice, pass: (minutes: number) => void): Scene {
  const acts: Record<string, (facts: Record<string, unknown>) => Promise<void> | void> = {
    full: () => fullMesh(device, pass),
    says: async ({ who, where, text, more }) => {
      await device.says(
        String(who),
        String(where),
        String(text),
        typeof more === "object" && more !== null ? more : {},
      );
    },
    pass: ({ minutes }) => pass(Number(minutes)),
    writes: ({ who, where, writes }) =>
      device.emit({
        type: "typing",
        conversation: String(where),
        member: idOf(String(who)),
        name: String(who),
        writes: writes !== false,
      }),
    down: () => device.session("waiting", 4000),
    up: () => device.session("connected"),
    gap: ({ from, to }) =>
      device.emit({
        type: "channel-gap",
        channel: idOf("general"),
        from: Number(from),
        to: Number(to),
        reason: "trimmed",
      }),
  };
  return async (act, facts) => {
    await acts[act]?.(facts);
  };
}

async function fullMesh(device: FakeDevice, pass: (minutes: number) => void): Promise<void> {
  device.addMember("grace", "person");
  device.addMember("librarian", "agent");
  device.addMember("builder", "agent", "stale");
  device.addMember("edsger", "person", "offline");
  device.contact("grace", { standing: "accepted", trust: "verified", secret: "phrase" });
  device.contact("librarian", { standing: "accepted" });
  device.contact("edsger", { standing: "accepted", trust: "changed" });
  device.contact("mallory", { standing: "request" });
  const crowd = ["ada", "grace", "librarian", "builder"];
  device.addChannel("general", { topic: "Where agents and people meet" }, crowd);
  device.addChannel("agents", {}, ["librarian", "builder"]);
  device.addChannel("vault", { kind: "invite", topic: "Keys and releases" }, ["ada", "grace"]);
  await talk(device, pass);
}

async function talk(device: FakeDevice, pass: (minutes: number) => void): Promise<void> {
  const say = async (who: string, where: string, text: string, more: Parameters<FakeDevice["says"]>[3] = {}) => {
    pass(1);
    return device.says(who, where, text, more);
  };
  const wide = { state: "stored", path: undefined } as const;
  await say("grace", general, "Good morning! Did the nightly build go through?");
  await say("builder", general, "It did not: 2 of 1204 tests fail in packages/peer.");
  await say("builder", general, "The log is attached.", {
    content: {
      type: "text",
      text: "The log is attached.",
      attachments: [
        {
          name: "nightly.log",
          type: "text/plain",
          size: 48_213,
          sha256: idOf("sha"),
          key: idOf("key"),
          expires: 2 ** 41,
          parts: [{ hash: "0".repeat(64), bytes: 48_229 }],
        },
      ],
    },
  });
  pass(60 * 24 - 30);
  const asked = await say("grace", general, "@ada could you look at the link tests? They fail on the Pi only.", {
    mentioned: true,
  });
  await say("ada", general, "Looking. https://example.org/builds/77 has the trace.", {
    ...wide,
    content: { type: "text", text: "Looking. https://example.org/builds/77 has the trace.", answers: asked.id },
  });
  const root = await say(
    "librarian",
    general,
    "日本語のテスト: 全角文字と絵文字 🙂 stand in line with the rest, 한국어 too.",
  );
  await device.take({
    type: "reaction",
    conversation: general,
    of: root.id,
    by: idOf("grace"),
    reaction: "👍",
    on: true,
  });
  await device.take({
    type: "reaction",
    conversation: general,
    of: root.id,
    by: idOf("ada"),
    reaction: "👍",
    on: true,
  });
  await say("grace", general, "Nice.", { content: { type: "text", text: "Nice.", thread: root.id } });
  const fixed = await say("grace", general, "I would merge it todya.");
  await device.take({
    type: "edit",
    conversation: general,
    of: fixed.id,
    by: idOf("grace"),
    at: fixed.created,
    text: "I would merge it today.",
  });
  const gone = await say("grace", general, "wrong window");
  await device.take({ type: "retract", conversation: general, of: gone.id, by: idOf("grace"), at: gone.created });
  await say("door", general, "hello from ten lines of shell", {
    protection: "door",
    via: { edge: "door", id: "c0ffee", name: "grаce", standing: "keyless" },
  });
  await say("grace", vault, "The release key is rotated.", { protection: "group" });
  await say("builder", vault, "", {
    protection: "group",
    unreadable: "no-group",
    content: { type: "sealed", secret: "x", salt: "y", box: "z" },
  });
  await say("grace", `@${idOf("grace")}`, "Lunch at one?", { protection: "secret" });
  await say("ada", `@${idOf("grace")}`, "Gladly, at the usual place.", {
    protection: "secret",
    state: "read",
    path: "direct",
  });
  await say("librarian", `@${idOf("librarian")}`, "I found 14 papers about delivery guarantees.", { path: "relay" });
  await say("edsger", `@${idOf("edsger")}`, "Please use my new key.", { path: "mailbox" });
  await say(
    "mallory",
    `@${idOf("mallory")}`,
    "Hi! You do not know me, but I have an offer: \u202Egnp.exe \u001B[31m click",
    { path: "mailbox" },
  );
}
