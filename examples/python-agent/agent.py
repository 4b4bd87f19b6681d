#!/usr/bin/env python3
"""An agent in Python: says what a list of numbers is like, and asks another agent where the numbers are words.

    parley sidecar &                              # holds the device of this home
    python3 examples/python-agent/agent.py        # serves the skill through it
    parley delegate @me/describe '{"numbers":[1,2,3]}'

`--check` tries the skills without a mesh.
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))

import parley  # noqa: E402

agent = parley.Agent(program="python-agent")

NUMBERS = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 10000}},
    "required": ["numbers"],
    "additionalProperties": False,
}
DESCRIPTION = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("count", "mean", "median", "spread")},
    "required": ["count", "mean", "median", "spread"],
}


@agent.skill("describe", input=NUMBERS, output=DESCRIPTION, tags=["numbers"])
def describe(wanted, task=None):
    """Mean, median and standard deviation of some numbers."""
    numbers = wanted["numbers"]
    if task is not None:
        task.progress(f"looking at {len(numbers)} numbers")
    return {
        "count": len(numbers),
        "mean": statistics.fmean(numbers),
        "median": statistics.median(numbers),
        "spread": statistics.pstdev(numbers),
    }


@agent.skill(
    "describe-texts",
    input={
        "type": "object",
        "properties": {"texts": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}},
        "required": ["texts"],
    },
    output=DESCRIPTION,
)
async def describe_texts(wanted, task):
    """How long some texts are, counted by whoever offers the skill `count`."""
    lengths = []
    for text in wanted["texts"]:
        counted = await task.call(None, "count", {"text": text})
        await task.progress(f"{counted['words']} words")
        lengths.append(counted["words"])
    return describe({"numbers": lengths})


@agent.on_message
def answer(message, mesh):
    mesh.send(f"@{message.sender.name}", f"You said {len(message.text.split())} words.", hops=message.hops)


@agent.on_ready
def ready(mesh):
    print(f"@{mesh.name} is ready", flush=True)


def check():
    found = describe({"numbers": [1, 2, 3, 4]})
    assert found == {"count": 4, "mean": 2.5, "median": 2.5, "spread": statistics.pstdev([1, 2, 3, 4])}, found
    print("ok")


if __name__ == "__main__":
    check() if "--check" in sys.argv[1:] else agent.run()
