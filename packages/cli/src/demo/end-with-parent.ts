/** Loaded into each agent's process: it ends, as after Ctrl-C, when the demo that started it is gone, however it went. */
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
