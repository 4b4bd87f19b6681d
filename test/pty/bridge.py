"""Runs a program in a pseudo-terminal. Its output comes out as it is; lines of JSON that come in say what is typed and how
large the terminal is: {"write": "..."} and {"resize": [columns, rows]}."""
import errno
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def take(terminal, line):
    said = json.loads(line)
    if "resize" in said:
        resize(terminal, *said["resize"])
    else:
        data = said["write"].encode()
        while data:
            data = data[os.write(terminal, data):]


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[3], sys.argv[3:])
    resize(terminal, columns, rows)
    pending = b""
    sources = [terminal, 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            chunk = os.read(0, 65536)
            if not chunk:
                sources.remove(0)
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                take(terminal, line)
        if terminal in ready:
            try:
                out = os.read(terminal, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                break
            if not out:
                break
            while out:
                out = out[os.write(1, out):]
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
