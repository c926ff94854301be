"""Requests that no honest client sends: bent, drawn at random, a byte a second.

Parts of ``trial_serve.py``: each asks a running service and says whether it held.
"""

import asyncio
import json
import random
from collections import Counter

from load import closed_loop, request_bytes
from serving import asked

CANARY = "zebra-7341"


def bent(whole, chance):
    """Change a request at a few places."""
    raw = bytearray(whole)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw))
        what = chance.randrange(4)
        if what == 0:
            raw[at] = chance.randrange(256)
        elif what == 1:
            del raw[at : at + chance.randrange(1, 40)]
        elif what == 2:
            raw[at:at] = bytes(chance.randrange(256) for _ in range(8))
        else:
            raw[at:at] = raw[at : at + chance.randrange(1, 40)]
    return bytes(raw)


async def sent_raw(port, raw):
    """Send bytes, say that no more will come, and take what is told."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            writer.write_eof()
            told = await reader.read(1 << 20)
            writer.close()
            return told
    except TimeoutError:
        return b"HANG"
    except OSError:
        return b""


def fuzz(trial, port):
    """Send requests that were bent at random; never a 5xx, a hang or an echo."""
    times = trial.much(500, 5000)
    chance, statuses, echoes = random.Random(7), Counter(), 0
    body = json.dumps(trial.one()).replace('"a0"', f'"{CANARY}"').encode()
    whole = request_bytes("/v1/score/features?drivers=5", body)

    async def go():
        return [await sent_raw(port, bent(whole, chance)) for _ in range(times)]

    for told in asyncio.run(go()):
        status = (told[9:12] if told[:5] == b"HTTP/" else told[:4]).decode()
        statuses[status or "closed"] += 1
        echoes += status[:1] in ("4", "5") and CANARY.encode() in told
    fine = not any(k.startswith("5") or k == "HANG" for k in statuses)
    trial.say(f"{times:,} bent requests: {dict(statuses)}", fine)
    trial.say(f"bent requests: {echoes} errors repeat what was sent", echoes == 0)


def described(trial, port):
    """Send requests drawn from the service's own description of what it takes."""
    from described import SLOWEST, Described

    file = trial.folder / f"server-{port}.log"
    before = len(file.read_text())
    asked = Described(f"http://127.0.0.1:{port}")
    asked.ask(trial.much(300, 10_000))
    told = dict(sorted(asked.statuses.items()))
    trial.say(
        f"{asked.statuses.total():,} described requests: {told},"
        f" faults {dict(asked.faults)}",
        not asked.faults,
    )
    trial.timely(
        f"described requests: slowest {asked.slowest:.2f} s", asked.slowest < SLOWEST
    )
    log = file.read_text()[before:]
    echoes = [text for text in asked.sent if text in log]
    trial.say(
        f"described requests: the log repeats {echoes} of {len(asked.sent):,} texts",
        not echoes,
    )


def slow(trial, port):
    """Twenty clients send one byte a second; others are answered meanwhile."""
    request = asked(port, trial.one())

    async def drip():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = request_bytes("/v1/score/features", b" " * 60)
        writer.write(head[:-60])
        try:
            for _ in range(30):
                writer.write(b" ")
                await writer.drain()
                told = asyncio.ensure_future(reader.read(100))
                done, _ = await asyncio.wait({told}, timeout=1.0)
                if done:
                    return told.result()[9:12]
                told.cancel()
        except OSError:
            return b"cut"
        return b"waited"

    async def both():
        drips = [asyncio.ensure_future(drip()) for _ in range(20)]
        meanwhile = await closed_loop(port, request, connections=4, seconds=4.0)
        return meanwhile, await asyncio.gather(*drips)

    meanwhile, ends = asyncio.run(both())
    trial.say(
        f"20 clients at a byte a second: {set(ends)}; meanwhile {meanwhile.line()}",
        set(ends) <= {b"408", b"cut"} and set(meanwhile.statuses) == {200},
    )
