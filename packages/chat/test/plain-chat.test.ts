import { PassThrough } from "node:stream";

import { FakeClock } from "@parley/testkit";
import { expect, it, vi } from "vitest";

import { runPlainChat } from "../src/index.ts";
import { timeWords } from "../src/text/words.ts";
import { general } from "./demo-scene.ts";
import { FakeDevice, idOf } from "./fake-device.ts";

/** The hour at which all of it happens, as it is shown here. */
const start = Date.UTC(2026, 10, 20, 9, 0);
const nine = timeWords(start);

function plainChat(options: { open?: string; interactive?: boolean } = {}) {
  const clock = new FakeClock(start);
  const device = new FakeDevice({ now: () => clock.now() });
  device.addMember("grace", "person");
  device.contact("grace", { standing: "accepted" });
  device.addChannel("general", {}, ["ada", "grace"]);
  const input = new PassThrough();
  let printed = "";
  const output = { write: (text: string) => (printed += text) };
  const ended = runPlainChat({ device, input, output, clock, interactive: false, ...options });
  const until = (text: string): Promise<void> => vi.waitFor(() => expect(printed).toContain(text));
  const type = async (line: string, answer: string): Promise<void> => {
    input.write(`${line}\n`);
    await until(answer);
  };
  return { device, input, ended, until, type, printed: () => printed };
}

it("says lines where they are meant, prints what comes, and ends with its input", async () => {
  const { device, input, ended, until, type, printed } = plainChat();
  await type("nobody hears", "! Nobody is meant");
  await type("/join #general", "you are in #general");
  await type("hello all", '#general "hello all": stored · signed');
  await type("@grace lunch?", '@grace "lunch?": delivered · direct · sealed');
  await device.says("grace", general, "two\nlines \u001B[2J");
  await until(`${nine} #general @grace: two\n  lines \\u{1b}[2J\n`);
  await device.says("grace", `@${idOf("grace")}`, "yes");
  await until(`${nine} @grace: yes\n`);
  await type("/nonsense", "! There is no command /nonsense.");
  await type("/leave", "· You left #general.");
  input.end("/channels\n");
  await ended;
  expect(printed()).toContain("#general");
  expect(device.calls.filter((call) => call.startsWith("read"))).toEqual([]);
});

it("ends with /quit, opens what it is told to, and counts as read what a person saw", async () => {
  const { device, input, ended, until } = plainChat({ open: "#general", interactive: true });
  await until("you are in #general");
  await device.says("grace", general, "seen");
  await vi.waitFor(() => expect(device.calls).toContain("read #general m0001"));
  input.write("/quit\n");
  expect(await ended).toBe(true);
});

it("goes on after what cannot be done", async () => {
  const { input, ended, type } = plainChat({ open: "#nowhere" });
  await type("@nobody hi", "! Nobody here is called @nobody.");
  await type("#elsewhere", "! There is no channel #elsewhere.");
  await type("/topic x", "! Open a channel first.");
  input.end();
  expect(await ended).toBe(false);
});

it("says when the registry is away, and does not wait for it", async () => {
  const { device, input, ended, until, type, printed } = plainChat({ open: "#general" });
  await until("you are in #general");
  await device.session("waiting");
  await type("still writing", "waiting for the registry");
  await vi.waitFor(() => expect(device.calls).toContain("say #general still writing"));
  expect(printed()).not.toContain('"still writing"');
  await device.session("connected");
  await until('"still writing": stored');
  input.end();
  await ended;
});
