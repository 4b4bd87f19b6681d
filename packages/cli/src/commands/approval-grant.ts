import { answering } from "../approval-answer.ts";

export const run = answering("granted");
