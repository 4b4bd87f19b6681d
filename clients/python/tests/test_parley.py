"""Against a real mesh: two homes whose devices `parley sidecar` holds, in PARLEY_TEST_CALLER and PARLEY_TEST_WORKER; both
members are in the channel #general. `test/programs/python.test.ts` makes them."""

import asyncio
import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import parley  # noqa: E402

CALLER = os.environ["PARLEY_TEST_CALLER"]
WORKER = os.environ["PARLEY_TEST_WORKER"]
WAIT = 30.0

NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
    "required": ["a", "b"],
}


def worker(agent):
    """Runs an agent in a thread until the test ends."""
    ready = threading.Event()
    holder = {}

    @agent.on_ready
    def _ready(_mesh):
        ready.set()

    async def serve():
        holder["loop"] = asyncio.get_running_loop()
        await agent.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not ready.wait(WAIT):
        raise AssertionError("the agent was not ready")

    def stop():
        if thread.is_alive():
            holder["loop"].call_soon_threadsafe(agent.stop)
        thread.join(WAIT)

    return stop


class Skills(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        agent = parley.Agent(WORKER, program="tests")
        cls.stopped = threading.Event()

        @agent.skill("add", input=NUMBERS, output={"type": "number"}, tags=["math"])
        def add(numbers, task):
            """Adds two numbers."""
            task.progress("adding")
            task.progress("added")
            return numbers["a"] + numbers["b"]

        @agent.skill("sum-later")
        async def later(numbers, task):
            await task.artifact(text="half ", id="note")
            await task.artifact(text="way", id="note", append=True, last=True)
            return {"sum": numbers["a"] + numbers["b"], "by": task.sender.name, "hops": task.hops}

        @agent.skill("wait")
        async def wait(_, task):
            await task.progress("waiting")
            try:
                await asyncio.sleep(WAIT)
            except asyncio.CancelledError:
                cls.stopped.set()
                raise

        @agent.skill("refuse")
        def refuse(_):
            raise parley.ParleyError("not_found", "There is no such book.")

        @agent.skill("break")
        def break_down(_):
            raise RuntimeError("words that stay here")

        @agent.skill("wrong", output={"type": "number"})
        def wrong(_):
            return "no number"

        @agent.skill("no-json")
        def no_json(_):
            return object()

        @agent.skill("ask")
        def ask(_, task):
            return task.ask("which colour?").upper()

        @agent.skill("big")
        def big(_):
            return "x" * 200_000

        cls.addClassCleanup(worker(agent))
        cls.mesh = parley.connect(CALLER)
        cls.addClassCleanup(cls.mesh.close)

    def fails(self, code, *call, **options):
        with self.assertRaises(parley.ParleyError) as caught:
            self.mesh.call(*call, **options)
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_progress_comes_in_order_before_the_result(self):
        run = self.mesh.delegate("@worker", "add", {"a": 1, "b": 2})
        self.assertEqual(list(run), ["adding", "added"])
        result = run.result()
        self.assertEqual((result.output, result.by), (3, "worker"))
        self.assertEqual(result.task, run.task)

    def test_a_coroutine_is_a_skill_too_and_hands_artifacts_over(self):
        result = self.mesh.delegate(None, "sum-later", {"a": 1, "b": 2}).result()
        self.assertEqual(result.output, {"sum": 3, "by": "caller", "hops": 0})
        self.assertEqual(result.text, "half way")

    def test_what_a_skill_is_stands_on_the_card(self):
        (peer,) = self.mesh.peers(skill="add", live=True)
        self.assertEqual((peer.name, peer.kind, peer.live), ("worker", "agent", True))
        (skill,) = [each for each in peer.raw["skills"] if each["id"] == "add"]
        self.assertEqual((skill["description"], skill["tags"]), ("Adds two numbers.", ["math"]))

    def test_wrong_input_is_refused_with_the_field(self):
        self.assertIn("b", str(self.fails("invalid_input", "@worker", "add", {"a": 1})))

    def test_an_error_with_a_code_reaches_the_caller_and_another_keeps_its_words(self):
        self.assertIn("no such book", str(self.fails("not_found", "@worker", "refuse", {})))
        self.assertNotIn("stay here", str(self.fails("task_failed", "@worker", "break", {})))

    def test_wrong_output_is_told_to_both(self):
        self.fails("invalid_output", "@worker", "wrong", {})
        self.fails("invalid_output", "@worker", "no-json", {})

    def test_cancel_reaches_the_skill(self):
        run = self.mesh.delegate("@worker", "wait", {})
        self.assertEqual(next(iter(run)), "waiting")
        run.cancel()
        with self.assertRaises(parley.ParleyError) as caught:
            run.result()
        self.assertEqual(caught.exception.code, "canceled")
        self.assertTrue(self.stopped.wait(WAIT))

    def test_a_time_limit_ends_a_task(self):
        self.assertTrue(self.fails("timeout", "@worker", "wait", {}, time_limit=0.3).retryable)

    def test_a_large_result_comes_whole(self):
        self.assertEqual(len(self.mesh.call("@worker", "big", {})), 200_000)

    def test_a_body_larger_than_a_line_goes_by_file_and_is_answered(self):
        text = "x" * (parley.LINE_BYTES + 1)
        self.fails("too_large", "@worker", "sum-later", {"a": text, "b": text})
        self.assertEqual(self.mesh.call("@worker", "add", {"a": 1, "b": 1}), 2)
        files = f"{parley.socket_path(CALLER)}.files"
        self.assertEqual(os.listdir(files), [])

    def test_a_skill_that_another_program_serves_is_refused(self):
        async def second():
            async with await parley.connect_async(WORKER) as mesh:
                await mesh.request("serve", {"skills": [{"id": "add"}]})

        with self.assertRaises(parley.ParleyError) as caught:
            asyncio.run(second())
        self.assertEqual(caught.exception.code, "already_exists")

    def test_asyncio_has_many_under_way(self):
        async def many():
            async with await parley.connect_async(CALLER) as mesh:
                calls = [mesh.call("@worker", "add", {"a": each, "b": each}) for each in range(8)]
                return await asyncio.gather(*calls)

        self.assertEqual(asyncio.run(many()), [2 * each for each in range(8)])


class Life(unittest.TestCase):
    def test_no_holder_is_said_so(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(parley.ParleyError) as caught:
            parley.connect(folder)
        self.assertEqual((caught.exception.code, caught.exception.retryable), ("not_connected", True))

    def test_the_home_is_found_as_the_command_line_finds_it(self):
        before = os.environ.get("PARLEY_HOME")
        os.environ["PARLEY_HOME"] = CALLER
        try:
            with parley.connect() as mesh:
                self.assertEqual(mesh.name, "caller")
                self.assertEqual(mesh.status()["state"], "connected")
        finally:
            del os.environ["PARLEY_HOME"]
            if before is not None:
                os.environ["PARLEY_HOME"] = before
        with tempfile.TemporaryDirectory() as folder:
            here = os.getcwd()
            Path(folder, "agent.yaml").touch()
            Path(folder, "below").mkdir()
            os.chdir(Path(folder, "below"))
            try:
                self.assertEqual(parley.find_home(), str(Path.cwd().parent / ".parley"))
            finally:
                os.chdir(here)

    def test_tasks_of_a_program_that_goes_fail_and_the_card_forgets_its_skills(self):
        agent = parley.Agent(WORKER, program="leaver")

        @agent.skill("linger")
        async def linger(_, task):
            await task.progress("here")
            await asyncio.sleep(WAIT)

        stop = worker(agent)
        with parley.connect(CALLER) as mesh:
            run = mesh.delegate("@worker", "linger", {})
            self.assertEqual(next(iter(run)), "here")
            stop()
            with self.assertRaises(parley.ParleyError) as caught:
                run.result()
            self.assertEqual((caught.exception.code, caught.exception.retryable), ("closed", True))
            until(lambda: mesh.peers(skill="linger") == [])


class Talk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.caller = parley.connect(CALLER)
        cls.addClassCleanup(cls.caller.close)
        cls.worker = parley.connect(WORKER)
        cls.addClassCleanup(cls.worker.close)

    def test_messages_come_in_order_and_one_that_was_left_comes_again(self):
        for number in range(3):
            self.caller.send("@worker", f"n{number}", wait=0)
        with self.worker.messages() as messages:
            self.assertEqual(next(messages).text, "n0")
            self.assertEqual(next(messages).text, "n1")
        again = [(each.text, each.sender.name) for each in self.worker.messages(limit=2)]
        self.assertEqual(again, [("n1", "caller"), ("n2", "caller")])

    def test_a_message_says_what_became_of_it(self):
        sent = self.caller.send("@worker", "hello")
        self.assertIn(sent.state, ("stored", "delivered", "handled"))
        self.assertIsNone(sent.error)
        with self.assertRaises(parley.ParleyError) as caught:
            self.caller.send("@nobody", "hello")
        self.assertEqual(caught.exception.code, "unknown_member")
        self.assertEqual([each.text for each in self.worker.messages(limit=1)], ["hello"])

    def test_a_broadcast_has_a_state_for_each(self):
        states = {each.to: each.state for each in self.caller.broadcast("all", wait=5)}
        self.assertEqual(set(states), {"ada", "worker"})
        self.assertEqual(states["ada"], "stored")
        self.assertEqual([each.text for each in self.worker.messages(limit=1)], ["all"])

    def test_channels_are_posted_in_followed_and_read_back(self):
        posts = self.worker.follow("general", name="tests", replay=0, limit=1)
        got = []
        reading = threading.Thread(target=lambda: got.extend(posts), daemon=True)
        reading.start()
        for attempt in range(100):
            sent = self.caller.post("general", f"post {attempt}")
            self.assertEqual(sent.state, "stored")
            reading.join(0.2)
            if not reading.is_alive():
                break
        self.assertEqual((got[0].name, got[0].conversation, got[0].own), ("caller", "#general", False))
        until(lambda: got[0].text in [each.text for each in self.worker.history("#general")])

    def test_peers_and_receipts_are_told(self):
        with self.caller.subscribe("peers", "receipts") as events:
            self.assertIn("peer_list", next(events))
            self.caller.connect_to("@worker")
            sent = self.caller.send("@worker", "receipt, please")
            states = []
            while "handled" not in states and "delivered" not in states:
                event = next(events)
                if "receipt" in event and event["receipt"]["delivery"]["id"] == sent.id:
                    states.append(event["receipt"]["delivery"]["state"])
        self.assertEqual([each.text for each in self.worker.messages(limit=1)], ["receipt, please"])

    def test_an_agent_answers_messages_and_posts(self):
        agent = parley.Agent(WORKER, program="talker")

        @agent.on_message
        def answer(message, mesh):
            mesh.send(f"@{message.sender.name}", message.text.upper(), hops=message.hops)

        self.addCleanup(worker(agent))
        self.caller.send("@worker", "shout")
        self.assertEqual([each.text for each in self.caller.messages(limit=1)], ["SHOUT"])


def until(condition):
    """Waits for what an event brings about elsewhere."""
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about")
        time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
