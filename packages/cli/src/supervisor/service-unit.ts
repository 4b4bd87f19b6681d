/** Unit files for the programs that start others on a machine: systemd.unit(5), launchd.plist(5). */

/** What a unit is to run. */
export interface ServicePlan {
  /** What the unit is called: letters, digits and dashes. */
  readonly name: string;
  readonly description: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly folder: string;
  /** From the signal to the end, in seconds. */
  readonly stopSeconds: number;
  /** Where launchd is to put what it prints; systemd has a journal. */
  readonly logPath: string;
}

/** In a unit `%` begins a specifier and `$` a variable (systemd.service(5), "Command lines"). */
const quoted = (text: string): string =>
  `"${text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', String.raw`\"`)
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")}"`;

/** A unit for `systemctl --user`. */
export function systemdUnit({ description, command, folder, stopSeconds }: ServicePlan): string {
  const path = folder.replaceAll("%", "%%");
  return `[Unit]
Description=${description.replaceAll("%", "%%")}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.map(quoted).join(" ")}
WorkingDirectory=${path}
Restart=on-failure
RestartSec=5
# The agents are told by their supervisor; what is left after it is ended.
KillMode=mixed
TimeoutStopSec=${stopSeconds}
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`;
}

const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A property list for `launchctl`, in ~/Library/LaunchAgents. */
export function launchdPlist({ name, command, folder, stopSeconds, logPath }: ServicePlan): string {
  const text = (value: string): string => `<string>${xml(value)}</string>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  ${text(`parley.${name}`)}
  <key>ProgramArguments</key>
  <array>
${command.map((part) => `    ${text(part)}`).join("\n")}
  </array>
  <key>WorkingDirectory</key>
  ${text(folder)}
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>${stopSeconds}</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  ${text(logPath)}
  <key>StandardErrorPath</key>
  ${text(logPath)}
</dict>
</plist>
`;
}
