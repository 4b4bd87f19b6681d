/** A worker that may be killed at any moment. One argument: its settings as JSON. */
import { systemClock } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { testCard } from "@parley/testkit";

import { type BoardInput, type BoardRoleSettings, boardSkill } from "../board-settings.ts";
import { openBoardDevice } from "./board-device.ts";

const settings = JSON.parse(process.argv[2] ?? "") as BoardRoleSettings;
const { device, write, trouble } = await openBoardDevice(settings);

device.serve(async ({ id, input }) => {
  const { n, ms, fails } = input as BoardInput;
  write({ t: "began", at: Date.now(), task: id, n });
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.setTimer(ms, resolve);
  await promise;
  write({ t: "finished", at: Date.now(), task: id });
  if (fails) throw new ParleyError("task_failed");
  return { n };
});
try {
  await device.start();
  await device.publishCard(testCard(device, [{ id: boardSkill }]));
  device.board.work({ skills: [boardSkill], slots: settings.slots });
} catch (error) {
  trouble("start", error);
}
