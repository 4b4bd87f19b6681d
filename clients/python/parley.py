"""Parley from Python: a member of a mesh, and agents with skills, in one file of the standard library.

The device is held by a process of its own (`parley sidecar`, or any other command that stays); this module talks to it
by the device's socket and starts nothing. `connect()` is for programs that block, `connect_async()` for asyncio, and
`Agent` serves skills:

    import parley

    agent = parley.Agent()

    @agent.skill("add", input={"type": "object"}, output={"type": "number"})
    def add(numbers):
        return numbers["a"] + numbers["b"]

    agent.run()

What goes wrong is a `ParleyError` with a `code` of docs/errors.md. Needs Python 3.9. The lines are in docs/sidecar.md.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import inspect
import json
import os
import secrets
import signal
import stat
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Dict,
    Generic,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

__all__ = [
    "Agent",
    "AsyncParley",
    "AsyncRun",
    "AsyncTask",
    "Delivery",
    "Message",
    "Parley",
    "ParleyError",
    "Peer",
    "Post",
    "Result",
    "Run",
    "Sender",
    "Task",
    "connect",
    "connect_async",
    "find_home",
    "socket_path",
]

__version__ = "0.1.0"

Json = Any
"""What JSON can say: None, bool, int, float, str, and lists and dicts of those."""

T = TypeVar("T")

LINE_VERSIONS = (2,)
LINE_BYTES = 1024 * 1024
_MOST_SOCKET_PATH_BYTES = 100
_MOST_UNREAD = 4096
_ACKNOWLEDGED = ("messages", "subscribe")
_HELLO_SECONDS = 10.0
_RECONNECT_SECONDS = 0.2
_MOST_RECONNECT_SECONDS = 5.0
_AFTER_STORED_SECONDS = 0.3


class ParleyError(Exception):
    """What went wrong: branch on `code`, never on the words. `retryable` says whether trying again later can help."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        retryable: bool = False,
        data: Optional[Mapping[str, Json]] = None,
    ) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message or code
        self.retryable = retryable
        self.data: Dict[str, Json] = dict(data or {})

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def _error_of(told: Mapping[str, Json]) -> ParleyError:
    return ParleyError(
        str(told.get("code", "internal")),
        str(told.get("message", "")),
        retryable=bool(told.get("retryable", False)),
        data=told.get("data"),
    )


@dataclass(frozen=True)
class Sender:
    """Who a message or a task is from, as the device verified it: structure beside the text."""

    member: str
    name: str
    device: str
    kind: str
    roles: Sequence[str]
    trust: str
    verified: bool


@dataclass(frozen=True)
class Message:
    """A direct message."""

    id: str
    sender: Sender
    text: str
    path: str
    hops: int
    redelivered: bool
    created: float
    raw: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True)
class Post:
    """A post in a channel, or a message of the history of a conversation."""

    id: str
    conversation: str
    author: str
    name: str
    text: str
    own: bool
    offset: int
    created: float
    raw: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    """What became of something that was sent: `state` is a fact, and the newest that is known."""

    id: str
    state: str
    path: Optional[str]
    device: Optional[str]
    error: Optional[ParleyError]
    to: Optional[str] = None


@dataclass(frozen=True)
class Peer:
    """Another member. `skills` are the ids of what its card offers."""

    member: str
    name: str
    kind: str
    live: bool
    description: str
    skills: Sequence[str]
    path: Optional[str]
    raw: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True)
class Result:
    """How a task ended: the typed output, the texts, and who did it by which path."""

    output: Json
    text: str
    by: str
    task: Optional[str]
    path: str
    took_ms: float
    artifacts: Sequence[Mapping[str, Json]] = field(repr=False)


def _sender(told: Mapping[str, Json]) -> Sender:
    return Sender(
        told["member"],
        told["name"],
        told["device"],
        told["kind"],
        tuple(told["roles"]),
        told["trust"],
        bool(told["verified"]),
    )


def _message(told: Mapping[str, Json]) -> Message:
    return Message(
        told["id"],
        _sender(told["from"]),
        told["text"],
        told["path"],
        int(told["hops"]),
        bool(told["redelivered"]),
        float(told["created"]),
        told,
    )


def _post(told: Mapping[str, Json], conversation: Optional[str] = None) -> Post:
    content = told.get("content") or {}
    return Post(
        told["id"],
        conversation or told["conversation"],
        told["author"],
        told["name"],
        str(content.get("text", "")),
        bool(told["own"]),
        int(told["sort"]),
        float(told["created"]),
        told,
    )


def _delivery(told: Mapping[str, Json], to: Optional[str] = None) -> Delivery:
    error = told.get("error")
    return Delivery(
        str(told.get("id", "")),
        told["state"],
        told.get("path"),
        told.get("device"),
        None if error is None else _error_of(error),
        to,
    )


def _peer(told: Mapping[str, Json]) -> Peer:
    links = told["links"]
    return Peer(
        told["member"],
        told["name"],
        told["kind"],
        bool(told["live"]),
        told["description"],
        tuple(skill["id"] for skill in told["skills"]),
        links[0].get("path") if links else None,
        told,
    )


# Where the socket is.


def find_home(home: Union[str, "os.PathLike[str]", None] = None) -> str:
    """The home folder as the command line finds it: the one given, else `PARLEY_HOME`, else `.parley` beside the nearest
    `agent.yaml` from here upward, else `~/.parley`."""
    given = os.fspath(home) if home is not None else os.environ.get("PARLEY_HOME")
    if given:
        return os.path.abspath(given)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "agent.yaml").exists():
            return str(folder / ".parley")
    return os.path.join(os.path.expanduser("~"), ".parley")


def socket_path(home: str) -> str:
    """The socket's file of a home: in the home, or under a short name where that path would be too long."""
    own = os.path.join(home, "device.sock")
    if len(os.fsencode(own)) <= _MOST_SOCKET_PATH_BYTES:
        return own
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:24]
    user = os.getuid() if hasattr(os, "getuid") else 0
    runtime = os.environ.get("XDG_RUNTIME_DIR")

    def within(base: str) -> str:
        return os.path.join(base, f"parley-{user}", f"{name}.sock")

    short = within(runtime if runtime else tempfile.gettempdir())
    return short if len(os.fsencode(short)) <= _MOST_SOCKET_PATH_BYTES else within("/tmp")


def _pipe_name(path: str) -> str:
    return "\\\\.\\pipe\\parley-" + hashlib.sha256(path.lower().encode()).hexdigest()[:32]


def _read_secret(path: str) -> str:
    """What the holder shows to its owner's programs alone."""
    place = f"{path}.secret"
    try:
        facts = os.lstat(place)
        if not stat.S_ISREG(facts.st_mode) or (os.name != "nt" and facts.st_mode & 0o077):
            raise ParleyError("storage_unavailable", f"{place} is not a private file.")
        with open(place, encoding="ascii") as opened:
            return opened.read().strip()
    except OSError as error:
        raise _not_held() from error


def _not_held() -> ParleyError:
    return ParleyError(
        "not_connected", "No process holds this device; run `parley sidecar`.", retryable=True
    )


def _gone() -> ParleyError:
    return ParleyError("closed", "The process that held the device stopped; try again.", retryable=True)


# The lines.


class _Call:
    """One request: its events in order, and its reply."""

    def __init__(self, lines: "_Lines", number: int) -> None:
        self.number = number
        self._lines = lines
        self._events: "asyncio.Queue[Optional[tuple[int, Json]]]" = asyncio.Queue()
        self.reply: "asyncio.Future[Json]" = asyncio.get_running_loop().create_future()
        # Whoever stops reading need not look at what it ended with.
        self.reply.add_done_callback(lambda done: done.cancelled() or done.exception())

    def on_event(self, number: int, event: Json) -> None:
        if self._events.qsize() >= _MOST_UNREAD:
            self.end(error=ParleyError("slow_reader", "The program does not read the events of its request."))
            self._lines.forget(self)
            return
        self._events.put_nowait((number, event))

    def end(self, body: Json = None, error: Optional[ParleyError] = None) -> None:
        if not self.reply.done():
            if error is None:
                self.reply.set_result(body)
            else:
                self.reply.set_exception(error)
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator["tuple[int, Json]"]:
        while True:
            entry = await self._events.get()
            if entry is None:
                await self.reply
                return
            yield entry

    async def ack(self, number: int) -> None:
        await self._lines.send({"ack": self.number, "n": number})

    async def cancel(self) -> None:
        """Ends the request at the holder; what it answers then is the reply."""
        if not self.reply.done():
            with contextlib.suppress(ParleyError):
                await self._lines.send({"cancel": self.number})

    async def leave(self) -> None:
        """Ends the request, and what comes of it is nobody's any more."""
        await self.cancel()
        self._lines.forget(self)


class _Lines:
    """JSON lines over the socket: requests by number, answers to them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._calls: Dict[int, _Call] = {}
        self._next = 1
        self._error: Optional[ParleyError] = None
        self._reading: "Optional[asyncio.Task[None]]" = None
        self.welcome: Mapping[str, Json] = {}
        self.closed: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, path: str, program: str) -> "_Lines":
        try:
            reader, writer = await _open_stream(path)
        except OSError as error:
            raise _not_held() from error
        lines = cls(reader, writer)
        try:
            # After the connection: a holder writes its secret before it listens.
            secret = _read_secret(path)
            await lines.send({"hello": {"versions": list(LINE_VERSIONS), "program": program, "secret": secret}})
            first = await asyncio.wait_for(lines._line(), _HELLO_SECONDS)
            if first is None:
                raise _gone()
            if "welcome" not in first:
                raise _error_of(first.get("error") or {"code": "unsupported_version"})
            lines.welcome = first["welcome"]
        except asyncio.TimeoutError as error:
            writer.close()
            raise ParleyError("timeout", "The holder does not answer.", retryable=True) from error
        except BaseException:
            writer.close()
            raise
        lines._reading = asyncio.ensure_future(lines._read())
        return lines

    async def send(self, value: Mapping[str, Json]) -> None:
        if self._error is not None:
            raise self._error
        self._writer.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        try:
            await self._writer.drain()
        except OSError as error:
            raise _gone() from error

    async def start(self, op: str, body: Json) -> _Call:
        call = _Call(self, self._next)
        self._next += 1
        self._calls[call.number] = call
        text = json.dumps(body, separators=(",", ":"))
        try:
            if len(text.encode()) > LINE_BYTES - 4096:
                await self.send({"id": call.number, "op": op, "file": self._leave_file(text)})
            else:
                await self.send({"id": call.number, "op": op, "body": body})
        except BaseException:
            self.forget(call)
            raise
        return call

    def forget(self, call: _Call) -> None:
        self._calls.pop(call.number, None)

    async def close(self) -> None:
        self._end(ParleyError("closed", "The connection was closed here."))
        self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        error = _gone()
        try:
            while True:
                line = await self._line()
                if line is None:
                    break
                if "re" in line:
                    self._route(line)
                elif "error" in line:
                    error = _error_of(line["error"])
        except (OSError, ValueError):
            pass
        finally:
            self._end(error)

    def _route(self, line: Mapping[str, Json]) -> None:
        call = self._calls.get(line["re"])
        if "file" in line:
            # Taken away even where nobody wants it any more.
            body = self._take_file(line["file"])
            line = {**line, "event" if "n" in line else "body": body}
        if call is None:
            return
        if "n" in line:
            call.on_event(line["n"], line.get("event"))
            return
        self.forget(call)
        if "error" in line:
            call.end(error=_error_of(line["error"]))
        else:
            call.end(body=line.get("body"))

    async def _line(self) -> Optional[Dict[str, Json]]:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            return None
        value = json.loads(line)
        return value if isinstance(value, dict) else {}

    def _end(self, error: ParleyError) -> None:
        self._error = self._error or error
        for call in list(self._calls.values()):
            call.end(error=self._error)
        self._calls.clear()
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def _folder(self) -> str:
        return str(self.welcome["files"])

    def _leave_file(self, text: str) -> str:
        name = f"{secrets.token_hex(12)}.json"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(os.path.join(self._folder, name), flags, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        return name

    def _take_file(self, name: str) -> Json:
        path = os.path.join(self._folder, os.path.basename(name))
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), encoding="utf-8") as opened:
            value = json.load(opened)
        os.unlink(path)
        return value


async def _open_stream(path: str) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter]":
    limit = LINE_BYTES + 65536
    if os.name != "nt":
        return await asyncio.open_unix_connection(path, limit=limit)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    # Of the loop that Windows has by default.
    create = getattr(loop, "create_pipe_connection")
    transport, _ = await create(lambda: protocol, _pipe_name(path))
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _given(**fields: Json) -> Dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _milliseconds(seconds: Optional[float]) -> Optional[int]:
    return None if seconds is None else max(1, round(seconds * 1000))


class AsyncRun:
    """A task on another agent: iterate over it for its progress notes, await `result()` for how it ended."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._by = ""
        self._task: Optional[str] = None
        self._artifacts: Dict[str, Dict[str, Json]] = {}
        self._iterator = self._notes()

    def __aiter__(self) -> AsyncIterator[str]:
        return self._iterator

    @property
    def task(self) -> Optional[str]:
        """The task's id, once it is known."""
        return self._task

    async def result(self) -> Result:
        """How it ended. Raises what it failed with: `task_failed`, `canceled`, `timeout`, ..."""
        async for _ in self._iterator:
            pass
        end = await self._call.reply
        parts = [part for artifact in self._artifacts.values() for part in artifact["parts"]]
        data = [part["data"] for part in parts if "data" in part]
        text = "\n".join(part["text"] for part in parts if "text" in part)
        return Result(
            data[-1] if data else None,
            text,
            self._by,
            self._task,
            end["path"],
            end["tookMs"],
            tuple(self._artifacts.values()),
        )

    async def cancel(self) -> None:
        """Asks the agent to stop; `result()` then raises `canceled`."""
        await self._call.cancel()

    async def _notes(self) -> AsyncIterator[str]:
        async for _, event in self._call.events():
            if "to" in event:
                self._by = event["to"]["name"]
                continue
            note = self._take(event["task"]["response"])
            if note:
                yield note

    def _take(self, response: Mapping[str, Json]) -> str:
        whole = response.get("task")
        if whole is not None:
            self._task = whole["id"]
            for artifact in whole.get("artifacts") or []:
                self._add(artifact, False)
        update = response.get("artifactUpdate")
        if update is not None:
            self._add(update["artifact"], bool(update.get("append")))
        status = (response.get("statusUpdate") or {}).get("status") or {}
        if status.get("state") != "TASK_STATE_WORKING":
            return ""
        return "".join(part.get("text", "") for part in (status.get("message") or {}).get("parts", []))

    def _add(self, artifact: Mapping[str, Json], append: bool) -> None:
        """A chunk of a text goes on with the text before it."""
        known = self._artifacts.get(artifact["artifactId"])
        if known is None or not append:
            self._artifacts[artifact["artifactId"]] = {**artifact, "parts": list(artifact["parts"])}
            return
        for part in artifact["parts"]:
            last = known["parts"][-1] if known["parts"] else {}
            if "text" in part and "text" in last:
                known["parts"][-1] = {**last, "text": last["text"] + part["text"]}
            else:
                known["parts"].append(part)


class AsyncParley:
    """A member of the mesh, for asyncio. Made by `connect_async()`; leave it with `close()` or `async with`."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    async def __aenter__(self) -> "AsyncParley":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def name(self) -> str:
        """This member's name, without the `@`."""
        return str(self._lines.welcome["name"])

    @property
    def member(self) -> str:
        """This member's id."""
        return str(self._lines.welcome["member"])

    @property
    def device(self) -> str:
        return str(self._lines.welcome["device"])

    @property
    def closed(self) -> bool:
        """The process that held the device went, or this was closed."""
        return self._lines.closed.done()

    async def close(self) -> None:
        await self._lines.close()

    async def request(self, op: str, body: Optional[Mapping[str, Json]] = None) -> Json:
        """Any operation of docs/sidecar.md whose reply is all that counts."""
        call = await self._lines.start(op, dict(body or {}))
        return await call.reply

    async def stream(self, op: str, body: Optional[Mapping[str, Json]] = None) -> AsyncIterator[Json]:
        """The events of any operation; each is acknowledged when the next one is asked for."""
        async for event in self._stream(op, dict(body or {})):
            yield event

    async def status(self) -> Dict[str, Json]:
        """Who holds the device, since when, and how it stands."""
        told: Dict[str, Json] = await self.request("status")
        return told

    async def peers(
        self,
        *,
        skill: Optional[str] = None,
        tag: Optional[str] = None,
        text: Optional[str] = None,
        kind: Optional[str] = None,
        live: Optional[bool] = None,
    ) -> List[Peer]:
        """Every other member that fits."""
        found: List[Peer] = []
        after: Optional[str] = None
        while True:
            query = _given(skill=skill, tag=tag, text=text, kind=kind, live=live, after=after)
            page = await self.request("list_peers", query)
            found.extend(_peer(each) for each in page["peers"])
            after = page.get("next")
            if after is None:
                return found

    async def connect_to(self, who: str) -> Dict[str, Json]:
        """Dials a direct link, and gives it once it is open."""
        link: Dict[str, Json] = await self.request("connect", {"to": who})
        return link

    async def send(
        self,
        to: str,
        text: str,
        *,
        wait: float = 10.0,
        thread: Optional[str] = None,
        answers: Optional[str] = None,
        ttl: Optional[float] = None,
        hops: Optional[int] = None,
        attachments: Sequence[Mapping[str, Json]] = (),
    ) -> Delivery:
        """Sends to `@name`, or posts in `#channel`, and says what became of it within `wait` seconds."""
        body = {
            "conversation": to if to[:1] in "@#" else f"@{to}",
            "text": text,
            **_given(thread=thread, answers=answers, ttlMs=_milliseconds(ttl), hops=hops),
            **({"attachments": list(attachments)} if attachments else {}),
        }
        call = await self._lines.start("say", body)
        asking = asyncio.ensure_future(self._cut(call, wait))
        try:
            return _delivery(await call.reply, to)
        finally:
            asking.cancel()
            self._lines.forget(call)

    async def post(self, channel: str, text: str, **options: Any) -> Delivery:
        """Posts in a channel that this member is in."""
        return await self.send(f"#{channel.lstrip('#')}", text, **options)

    async def broadcast(
        self, text: str, *, kind: Optional[str] = None, wait: float = 10.0, task: Optional[str] = None
    ) -> List[Delivery]:
        """Sends to every other member, and says what became of each within `wait` seconds."""
        body = {"text": text, "waitMs": round(wait * 1000), **_given(kind=kind, task=task)}
        return [
            _delivery(event["sent"], event["sent"]["name"]) async for event in self._stream("broadcast", body)
        ]

    async def attach(self, path: Union[str, "os.PathLike[str]"], **options: Json) -> Dict[str, Json]:
        """Seals a file and leaves it at the registry; gives what `send(attachments=[...])` takes."""
        place = os.path.abspath(os.fspath(path))
        reference: Dict[str, Json] = await self.request(
            "attach", {"path": place, "name": os.path.basename(place), **options}
        )
        return reference

    async def fetch(self, reference: Mapping[str, Json], path: Union[str, "os.PathLike[str]"]) -> None:
        """Fetches what was attached into a new file."""
        await self.request("fetchAttachment", {"ref": dict(reference), "path": os.path.abspath(os.fspath(path))})

    async def delegate(
        self,
        to: Optional[str],
        skill: str,
        input: Json = None,
        *,
        text: Optional[str] = None,
        time_limit: Optional[float] = None,
        task: Optional[str] = None,
        on_behalf: Optional[bool] = None,
        hops: Optional[int] = None,
    ) -> AsyncRun:
        """Gives work to an agent, or with `to=None` to the least loaded that offers the skill."""
        body = {
            "skill": skill,
            **_given(
                to=to,
                input=input,
                text=text,
                timeLimitMs=_milliseconds(time_limit),
                task=task,
                onBehalf=on_behalf,
                hops=hops,
            ),
        }
        return AsyncRun(await self._lines.start("delegate", body))

    async def call(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> Json:
        """`delegate` for the output alone."""
        return (await (await self.delegate(to, skill, input, **options)).result()).output

    async def messages(self, limit: Optional[int] = None) -> AsyncIterator[Message]:
        """Direct messages, from where the last reader stopped. One is handled once the next is asked for, or at `limit`;
        one that a loop is left with comes again."""
        async for event in self._stream("subscribe", {"events": ["messages"]}, limit, "message"):
            yield _message(event["message"])

    async def follow(
        self,
        channel: str,
        *,
        name: Optional[str] = None,
        since: Optional[int] = None,
        replay: Optional[int] = None,
        limit: Optional[int] = None,
    ) -> AsyncIterator[Post]:
        """Posts of a channel; with a `name` from where that reader stopped."""
        place = f"#{channel.lstrip('#')}"
        body = {"channel": place, **_given(name=name, since=since, replay=replay)}
        async for event in self._stream("subscribe", body, limit, "post"):
            yield _post(event["post"]["message"], f"#{event['post']['channelName'].lstrip('#')}")

    async def subscribe(self, *events: str) -> AsyncIterator[Dict[str, Json]]:
        """`messages`, `peers`, `receipts` and `agreements`, as they stand on the socket: one key says what each is."""
        async for event in self._stream("subscribe", {"events": list(events)}):
            if "subscribed" not in event:
                yield event

    async def history(
        self, conversation: str, *, limit: int = 50, before: Optional[int] = None, thread: Optional[str] = None
    ) -> List[Post]:
        """The last messages of `@name` or `#channel`, oldest first."""
        body = {"conversation": conversation, "limit": limit, **_given(before=before, thread=thread)}
        return [_post(event["message"]) async for event in self._stream("history", body)]

    async def join(self, channel: str) -> None:
        """Comes into a channel that is open to this member."""
        await self.request("joinChannel", {"channel": f"#{channel.lstrip('#')}"})

    async def _stream(
        self, op: str, body: Mapping[str, Json], limit: Optional[int] = None, counts: str = ""
    ) -> AsyncIterator[Dict[str, Json]]:
        call = await self._lines.start(op, body)
        count = 0
        waits = op in _ACKNOWLEDGED
        try:
            async for number, event in call.events():
                if counts and counts not in event:
                    await call.ack(number)
                    continue
                yield event
                if waits:
                    await call.ack(number)
                count += 1
                if count == limit:
                    return
        finally:
            await call.leave()

    @staticmethod
    async def _cut(call: _Call, wait: float) -> None:
        """Ends the wait for what becomes of something that was sent; a stored one is waited for no longer than a moment."""

        async def stored() -> None:
            async for _, event in call.events():
                if "delivery" in event and event["delivery"]["state"] == "stored":
                    await asyncio.sleep(_AFTER_STORED_SECONDS)
                    return

        with contextlib.suppress(asyncio.TimeoutError, ParleyError):
            await asyncio.wait_for(stored(), wait)
        await call.cancel()


async def connect_async(
    home: Union[str, "os.PathLike[str]", None] = None, *, program: str = "python", wait: float = 0.0
) -> AsyncParley:
    """Connects to the process that holds the device of a home, and waits `wait` seconds for one. Raises `not_connected`."""
    path = socket_path(find_home(home))
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        try:
            return AsyncParley(await _Lines.open(path, program))
        except ParleyError as error:
            if not error.retryable or asyncio.get_running_loop().time() >= deadline:
                raise
        await asyncio.sleep(0.1)


# The same for programs that block: an event loop in a thread of its own.


class _Loop:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="parley", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class _Stream(Generic[T]):
    """An iterator over what comes; `close()` ends it."""

    def __init__(self, loop: _Loop, source: AsyncIterator[T]) -> None:
        self._loop = loop
        self._source = source

    def __iter__(self) -> "_Stream[T]":
        return self

    def __next__(self) -> T:
        try:
            return self._loop.run(self._step())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            self._loop.run(close())

    def __enter__(self) -> "_Stream[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _step(self) -> T:
        return await self._source.__anext__()


class Run:
    """A task on another agent: iterate over it for its progress notes, `result()` waits for how it ended."""

    def __init__(self, loop: _Loop, run: AsyncRun) -> None:
        self._loop = loop
        self._run = run

    def __iter__(self) -> Iterator[str]:
        return _Stream(self._loop, self._run.__aiter__())

    @property
    def task(self) -> Optional[str]:
        return self._run.task

    def result(self) -> Result:
        return self._loop.run(self._run.result())

    def cancel(self) -> None:
        self._loop.run(self._run.cancel())


class Parley:
    """A member of the mesh, for programs that block. Made by `connect()`; leave it with `close()` or `with`. May be used
    from several threads."""

    def __init__(self, loop: _Loop, inner: AsyncParley) -> None:
        self._loop = loop
        self._inner = inner

    def __enter__(self) -> "Parley":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def member(self) -> str:
        return self._inner.member

    @property
    def device(self) -> str:
        return self._inner.device

    @property
    def closed(self) -> bool:
        return self._inner.closed

    def close(self) -> None:
        self._loop.run(self._inner.close())
        self._loop.stop()

    def request(self, op: str, body: Optional[Mapping[str, Json]] = None) -> Json:
        return self._loop.run(self._inner.request(op, body))

    def stream(self, op: str, body: Optional[Mapping[str, Json]] = None) -> "_Stream[Json]":
        return _Stream(self._loop, self._inner.stream(op, body))

    def status(self) -> Dict[str, Json]:
        return self._loop.run(self._inner.status())

    def peers(self, **query: Any) -> List[Peer]:
        return self._loop.run(self._inner.peers(**query))

    def connect_to(self, who: str) -> Dict[str, Json]:
        return self._loop.run(self._inner.connect_to(who))

    def send(self, to: str, text: str, **options: Any) -> Delivery:
        return self._loop.run(self._inner.send(to, text, **options))

    def post(self, channel: str, text: str, **options: Any) -> Delivery:
        return self._loop.run(self._inner.post(channel, text, **options))

    def broadcast(self, text: str, **options: Any) -> List[Delivery]:
        return self._loop.run(self._inner.broadcast(text, **options))

    def attach(self, path: Union[str, "os.PathLike[str]"], **options: Json) -> Dict[str, Json]:
        return self._loop.run(self._inner.attach(path, **options))

    def fetch(self, reference: Mapping[str, Json], path: Union[str, "os.PathLike[str]"]) -> None:
        self._loop.run(self._inner.fetch(reference, path))

    def delegate(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> Run:
        return Run(self._loop, self._loop.run(self._inner.delegate(to, skill, input, **options)))

    def call(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> Json:
        return self._loop.run(self._inner.call(to, skill, input, **options))

    def messages(self, limit: Optional[int] = None) -> "_Stream[Message]":
        return _Stream(self._loop, self._inner.messages(limit))

    def follow(self, channel: str, **options: Any) -> "_Stream[Post]":
        return _Stream(self._loop, self._inner.follow(channel, **options))

    def subscribe(self, *events: str) -> "_Stream[Dict[str, Json]]":
        return _Stream(self._loop, self._inner.subscribe(*events))

    def history(self, conversation: str, **options: Any) -> List[Post]:
        return self._loop.run(self._inner.history(conversation, **options))

    def join(self, channel: str) -> None:
        self._loop.run(self._inner.join(channel))


def connect(
    home: Union[str, "os.PathLike[str]", None] = None, *, program: str = "python", wait: float = 0.0
) -> Parley:
    """`connect_async` for programs that block."""
    loop = _Loop()
    try:
        return Parley(loop, loop.run(connect_async(home, program=program, wait=wait)))
    except BaseException:
        loop.stop()
        raise


# Agents.


class AsyncTask:
    """A task at work, for skills that are `async def`."""

    def __init__(self, mesh: AsyncParley, told: Mapping[str, Json]) -> None:
        self.mesh = mesh
        self.id: str = told["task"]
        self.skill: str = told["skill"]
        self.input: Json = told.get("input")
        self.text: str = told["text"]
        self.sender: Sender = _sender(told["from"])
        self.on_behalf_of: Optional[Mapping[str, Json]] = told.get("for")
        self.hops: int = told["hops"]
        self.deadline: float = told["deadline"] / 1000
        """Seconds since 1970 at which the time is up."""
        self.canceled = threading.Event()
        """Set when nobody waits for it any more."""
        self.reason: Optional[ParleyError] = None

    async def progress(self, text: str) -> None:
        """Tells the caller how far it is; returns when there is room for more."""
        await self._reply(progress=text)

    async def artifact(
        self,
        *,
        text: Optional[str] = None,
        data: Json = None,
        name: Optional[str] = None,
        id: Optional[str] = None,
        append: Optional[bool] = None,
        last: Optional[bool] = None,
    ) -> None:
        """Hands something over before the result: a text or JSON data. The same `id` again with `append` adds a chunk."""
        await self._reply(
            artifact=_given(text=text, data=data, name=name, artifactId=id, append=append, lastChunk=last)
        )

    async def ask(self, question: str, *, of: Optional[str] = None, within: Optional[float] = None) -> str:
        """Asks the caller something, or with `of` somebody else, and waits for the words that answer."""
        told = await self._reply(ask={"question": question, **_given(of=of, withinMs=_milliseconds(within))})
        return str(told["answer"])

    async def delegate(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> AsyncRun:
        """Gives work on, in the course of this task: hops, time and what led to it go with it."""
        return await self.mesh.delegate(to, skill, input, task=self.id, **options)

    async def call(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> Json:
        return (await (await self.delegate(to, skill, input, **options)).result()).output

    async def send(self, to: str, text: str, **options: Any) -> Delivery:
        return await self.mesh.send(to, text, hops=self.hops + 1, **options)

    async def _reply(self, **said: Json) -> Json:
        if self.canceled.is_set():
            raise self.reason or ParleyError("canceled")
        return await self.mesh.request("reply", {"task": self.id, **said})


class Task:
    """A task at work, for skills that block; the same, without `await`."""

    def __init__(self, inner: AsyncTask, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._loop = loop
        self.id = inner.id
        self.skill = inner.skill
        self.input = inner.input
        self.text = inner.text
        self.sender = inner.sender
        self.on_behalf_of = inner.on_behalf_of
        self.hops = inner.hops
        self.deadline = inner.deadline
        self.canceled = inner.canceled

    def progress(self, text: str) -> None:
        self._run(self._inner.progress(text))

    def artifact(self, **artifact: Any) -> None:
        self._run(self._inner.artifact(**artifact))

    def ask(self, question: str, **options: Any) -> str:
        return self._run(self._inner.ask(question, **options))

    def call(self, to: Optional[str], skill: str, input: Json = None, **options: Any) -> Json:
        return self._run(self._inner.call(to, skill, input, **options))

    def send(self, to: str, text: str, **options: Any) -> Delivery:
        return self._run(self._inner.send(to, text, **options))

    def _run(self, work: "Coroutine[Any, Any, T]") -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


SkillFunction = Callable[..., Any]


@dataclass(frozen=True)
class _Skill:
    declared: Mapping[str, Json]
    function: SkillFunction
    takes_task: bool


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return False
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(places) >= count or any(each.kind == each.VAR_POSITIONAL for each in parameters)


class Agent:
    """An agent: functions as skills, and what to do with messages and posts. `run()` blocks; `serve()` is for asyncio.

    Functions may block (each task then has a thread of its own, `concurrency` at a time) or be `async def`.
    """

    def __init__(
        self,
        home: Union[str, "os.PathLike[str]", None] = None,
        *,
        program: str = "python-agent",
        concurrency: int = 8,
    ) -> None:
        self.home = home
        self.program = program
        self.concurrency = concurrency
        self._skills: Dict[str, _Skill] = {}
        self._on_message: Optional[Callable[..., Any]] = None
        self._on_post: Dict[str, Callable[..., Any]] = {}
        self._on_ready: Optional[Callable[[AsyncParley], Any]] = None
        self._stopping: Optional[asyncio.Event] = None
        self._threads = concurrent.futures.ThreadPoolExecutor(concurrency, "parley-skill")

    def skill(
        self,
        id: str,
        *,
        input: Optional[Mapping[str, Json]] = None,
        output: Optional[Mapping[str, Json]] = None,
        description: Optional[str] = None,
        name: Optional[str] = None,
        tags: Optional[Sequence[str]] = None,
        version: Optional[str] = None,
        examples: Optional[Sequence[str]] = None,
        approval: Optional[Mapping[str, Json]] = None,
        price: Optional[Mapping[str, str]] = None,
    ) -> Callable[[SkillFunction], SkillFunction]:
        """Makes a function a skill: it takes the input, and a `Task` as well if it has a second parameter. `input` and
        `output` are JSON Schemas; `approval={}` asks a person first; a `price` has an amount and a currency."""

        def decorate(function: SkillFunction) -> SkillFunction:
            if id in self._skills:
                raise ValueError(f"Two skills have the id {id}.")
            words = description or (inspect.getdoc(function) or id).split("\n")[0]
            declared = {
                "id": id,
                "description": words,
                **_given(name=name, input=input, output=output, version=version, approval=approval, price=price),
                **_given(tags=None if tags is None else list(tags)),
                **_given(examples=None if examples is None else list(examples)),
            }
            self._skills[id] = _Skill(declared, function, _takes(function, 2))
            return function

        return decorate

    def on_message(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Handles direct messages: takes a `Message`, and the mesh as well if it has a second parameter."""
        self._on_message = function
        return function

    def on_post(self, channel: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Handles posts of others in a channel, which is joined."""

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            self._on_post[f"#{channel.lstrip('#')}"] = function
            return function

        return decorate

    def on_ready(self, function: Callable[[AsyncParley], Any]) -> Callable[[AsyncParley], Any]:
        """Called each time when the agent is there for others."""
        self._on_ready = function
        return function

    def run(self) -> None:
        """Serves until Ctrl-C, SIGTERM or `stop()`; comes back by itself when the holder of the device does."""
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._run())

    def stop(self) -> None:
        """Ends `run()` and `serve()`; from the loop's thread."""
        if self._stopping is not None:
            self._stopping.set()

    async def _run(self) -> None:
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop)
        await self.serve()

    async def serve(self) -> None:
        """Serves until `stop()`. What cannot be mended by trying again is raised."""
        self._stopping = asyncio.Event()
        pause = _RECONNECT_SECONDS
        while not self._stopping.is_set():
            try:
                async with await connect_async(self.home, program=self.program) as mesh:
                    pause = _RECONNECT_SECONDS
                    await self._serve_once(mesh)
            except ParleyError as error:
                if not error.retryable:
                    raise
            if not self._stopping.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, _MOST_RECONNECT_SECONDS)

    async def _serve_once(self, mesh: AsyncParley) -> None:
        """Until the connection goes or the agent stops."""
        if self._stopping is None:
            raise RuntimeError("not serving")
        ready = asyncio.Event()
        works: List[Awaitable[Any]] = [self._stopping.wait(), self._serve_skills(mesh, ready)]
        if self._on_message is not None:
            works.append(self._read_messages(mesh, self._on_message))
        works.extend(self._read_posts(mesh, channel, each) for channel, each in self._on_post.items())
        if self._on_ready is not None:
            works.append(self._tell_ready(mesh, ready))
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks if self._on_ready is None else tasks[:-1], return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                each.result()
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell_ready(self, mesh: AsyncParley, ready: asyncio.Event) -> None:
        await ready.wait()
        if self._on_ready is not None:
            told = self._on_ready(mesh)
            if inspect.isawaitable(told):
                await told

    async def _serve_skills(self, mesh: AsyncParley, ready: asyncio.Event) -> None:
        if not self._skills:
            ready.set()
            await mesh._lines.closed
            raise _gone()
        body = {
            "skills": [each.declared for each in self._skills.values()],
            "concurrency": self.concurrency,
        }
        running: "Dict[str, tuple[AsyncTask, asyncio.Future[None]]]" = {}
        call = await mesh._lines.start("serve", body)
        try:
            async for _, event in call.events():
                if "serving" in event:
                    ready.set()
                elif "task" in event:
                    task = AsyncTask(mesh, event["task"])
                    work = asyncio.ensure_future(self._work(mesh, task))
                    running[task.id] = (task, work)
                    work.add_done_callback(lambda _, id=task.id: running.pop(id, None))  # type: ignore[misc]
                elif "cancel" in event:
                    _end_task(running.get(event["cancel"]["task"]), _error_of(event["cancel"]["error"]))
        finally:
            for each in list(running.values()):
                _end_task(each, _gone())
            await call.leave()

    async def _work(self, mesh: AsyncParley, task: AsyncTask) -> None:
        skill = self._skills[task.skill]
        said: Dict[str, Json]
        try:
            said = {"result": await self._call(skill, task)}
        except ParleyError as error:
            said = {"error": {"code": error.code, "message": error.message[:500]}}
        except asyncio.CancelledError:
            raise
        except Exception as error:  # What a skill raises by itself stays on this machine.
            print(f"skill {skill.declared['id']}: {type(error).__name__}: {error}", file=sys.stderr)
            said = {"error": {"code": "task_failed", "message": f"The skill {skill.declared['id']} failed."}}
        if task.canceled.is_set():
            return
        try:
            await mesh.request("reply", {"task": task.id, **said})
        except ParleyError as error:
            print(f"skill {skill.declared['id']}: {error}", file=sys.stderr)
        except (TypeError, ValueError) as error:
            print(f"skill {skill.declared['id']}: its result is no JSON: {error}", file=sys.stderr)
            told = {"code": "invalid_output", "message": "The skill answered with something that is no JSON."}
            with contextlib.suppress(ParleyError):
                await mesh.request("reply", {"task": task.id, "error": told})

    async def _call(self, skill: _Skill, task: AsyncTask) -> Json:
        function = skill.function
        if inspect.iscoroutinefunction(function):
            return await (function(task.input, task) if skill.takes_task else function(task.input))
        loop = asyncio.get_running_loop()
        arguments = (task.input, Task(task, loop)) if skill.takes_task else (task.input,)
        return await loop.run_in_executor(self._threads, lambda: function(*arguments))

    async def _handle(self, function: Callable[..., Any], what: object, mesh: AsyncParley) -> None:
        loop = asyncio.get_running_loop()
        if inspect.iscoroutinefunction(function):
            await (function(what, mesh) if _takes(function, 2) else function(what))
            return
        arguments = (what, Parley(_RunningLoop(loop), mesh)) if _takes(function, 2) else (what,)
        await loop.run_in_executor(self._threads, lambda: function(*arguments))

    async def _read_messages(self, mesh: AsyncParley, function: Callable[..., Any]) -> None:
        async for message in mesh.messages():
            await self._guarded(function, message, mesh)
        raise _gone()

    async def _read_posts(self, mesh: AsyncParley, channel: str, function: Callable[..., Any]) -> None:
        await mesh.join(channel)
        async for post in mesh.follow(channel, name=self.program):
            if not post.own:
                await self._guarded(function, post, mesh)
        raise _gone()

    async def _guarded(self, function: Callable[..., Any], what: object, mesh: AsyncParley) -> None:
        try:
            await self._handle(function, what, mesh)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # One message must not end the agent.
            print(f"{function.__name__}: {type(error).__name__}: {error}", file=sys.stderr)


class _RunningLoop(_Loop):
    """A loop that runs already, for handlers in threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def stop(self) -> None:
        pass


def _end_task(running: "Optional[tuple[AsyncTask, asyncio.Future[None]]]", error: ParleyError) -> None:
    if running is None:
        return
    task, work = running
    task.reason = error
    task.canceled.set()
    # A function in a thread goes on until it looks at `canceled`; a coroutine ends here.
    work.cancel()
