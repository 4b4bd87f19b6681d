/** Two people, each before a terminal of their own, with real devices and a registry that is killed between two sentences. */
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { type CliMesh, startMesh } from "../e2e/cli-mesh.ts";
import { PtyTerminal } from "./pty-terminal.ts";

const main = join(import.meta.dirname, "../../packages/cli/src/main.ts");

function sit(mesh: CliMesh, name: string, ...args: readonly string[]): PtyTerminal {
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", main, "chat", ...args];
  const terminal = new PtyTerminal({ columns: 100, rows: 30, command: [...command, "--home", mesh.home(name)] });
  onTestFinished(() => terminal[Symbol.asyncDispose]());
  return terminal;
}

/** Seven processes start, one after the other. */
const mostMs = 300_000;

/** How often a text stands on the screen. */
const times = (screen: string, text: string): number => screen.split(text).length - 1;

it("goes on through a death of the registry, with nothing lost and nothing twice", { timeout: mostMs }, async () => {
  const mesh = await startMesh();
  await mesh.join("grace", ["--kind", "person"]);
  const [ada, grace] = [sit(mesh, "ada"), sit(mesh, "grace")];
  for (const terminal of [ada, grace]) {
    await terminal.until("Nothing is open");
    await terminal.until("● connected");
    terminal.type("/join #general\r");
    await terminal.until("Write to #general");
  }
  ada.type("hello from ada\r");
  await grace.until(/ada[\s\S]*hello from ada/);
  await ada.until(/hello from ada +stored · signed/);
  grace.type("hello from grace\r");
  await ada.until(/grace[\s\S]*hello from grace/);

  ada.type("/msg @grace just between us\r");
  await ada.until(/just between us +(stored|delivered)/);
  await grace.until("Requests");
  grace.type("\u000Bada\r");
  await grace.until("asks to talk to you");
  grace.type("\u001Ba");
  await grace.until((screen) => !screen.includes("asks to talk to you"));
  grace.type("of course\r");
  await ada.until(/grace[\s\S]*of course/);
  await ada.until(/just between us +read · \w+ · sealed/);

  await mesh.registry.stop("SIGKILL");
  await ada.until("waiting for the registry");
  await grace.until("waiting for the registry");
  ada.type("\u000Bgeneral\r");
  await ada.until("Write to #general");
  ada.type("written in the dark\r");
  await ada.until(/written in the dark +accepted/);
  await mesh.restart();
  await ada.until("● connected");
  await ada.until(/written in the dark +stored · signed/);
  grace.type("\u000Bgeneral\r");
  await grace.until(/ada[\s\S]*written in the dark/);
  for (const { screen } of [ada, grace])
    for (const said of ["hello from ada", "hello from grace", "written in the dark"])
      expect({ said, times: times(screen, said) }).toEqual({ said, times: 1 });

  ada.type("\u0003");
  grace.type("/quit\r");
  expect(await Promise.all([ada.ended, grace.ended])).toEqual([0, 0]);
});
