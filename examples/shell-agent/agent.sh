#!/usr/bin/env bash
# An agent in shell: `parley pipe` is its connection to the device's socket, jq reads and writes the lines.
#
#   parley sidecar &                        # holds the device of this home
#   bash examples/shell-agent/agent.sh      # serves the skill through it
#   parley delegate @me/count '{"text":"one two"}'
#
# PARLEY is the command to run (default: parley). `--check` tries the skill without a mesh.
set -euo pipefail

# Lines, words and characters of a text, as JSON.
count() {
  printf '%s' "$1" | LC_ALL=C.UTF-8 wc -lwm | jq -Rc '[scan("[0-9]+") | tonumber] | {lines: .[0], words: .[1], characters: .[2]}'
}

if [ "${1:-}" = --check ]; then
  [ "$(count 'one two')" = '{"lines":0,"words":2,"characters":7}' ] && echo ok
  exit
fi

coproc SIDECAR { ${PARLEY:-parley} pipe --program shell-agent; }
exec 3<&"${SIDECAR[0]}" 4>&"${SIDECAR[1]}"

jq -nc '{id: 1, op: "serve", body: {skills: [{
  id: "count",
  description: "Lines, words and characters of a text",
  tags: ["text"],
  input: {type: "object", properties: {text: {type: "string", maxLength: 100000}}, required: ["text"]},
  output: {type: "object", required: ["lines", "words", "characters"]}
}]}}' >&4

id=1
while read -r line <&3; do
  case $(jq -r 'if .error then "error" else .event // {} | keys[0] // "" end' <<<"$line") in
    serving) echo "ready" ;;
    error) jq -c .error <<<"$line" >&2; if jq -e '.re == null or .re == 1' <<<"$line" >/dev/null; then exit 1; fi ;;
    task)
      id=$((id + 1))
      result=$(count "$(jq -r .event.task.input.text <<<"$line")")
      jq -c --argjson id "$id" --argjson result "$result" \
        '{id: $id, op: "reply", body: {task: .event.task.task, result: $result}}' <<<"$line" >&4
      ;;
  esac
done
