"""How fast an engine asks, and what that costs, beside others: `python benchmarks/engine.py`.

Rows a second and client CPU a request against a server of its own on this machine, with 256 and
1,024 requests in flight, at a fixed 200 ms and at log-normal times of 2 s on average; how full the
server's places are; whether memory grows; what is paid twice after kills. The others are asked for
by the Python that has them: `--python datatrove=/path/to/venv/bin/python`. What is not there is
said and left out. With two cores or more the server has one for itself. Tables and ratios come in
the end.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.engine_figures import Figures, tables
from benchmarks.tables import stdout_console

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ("ours", "datatrove", "curator", "distilabel", "designer", "gather")
PACKAGES = {"gather": "openai", "curator": "bespokelabs.curator", "designer": "data_designer"}
LATENCIES = ("fixed:0.2", "lognormal:2")
LONG = "lognormal:2", 1024
LONGEST = 900.0  # seconds for one measurement


@contextmanager
def server(latency: str) -> Iterator[str]:
    """The base URL of a server in a process of its own, on a core of its own where there are."""
    process = subprocess.Popen(
        [*_on_core(0), sys.executable, "-m", "benchmarks.latency_server", "--latency", latency],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _on_core(number: int) -> list[str]:
    """The beginning of a command that stays on one core; nothing where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or not Path("/usr/bin/taskset").exists():
        return []
    own = cores[0] if number == 0 else ",".join(map(str, cores[1:]))
    return ["taskset", "-c", str(own)]


def get(base_url: str, page: str) -> dict[str, Any]:
    """A page of the server."""
    with urllib.request.urlopen(f"{base_url}/{page}", timeout=60) as reply:
        found: dict[str, Any] = json.loads(reply.read())
        return found


def command(
    client: str, python: str, base_url: str, rows: int, in_flight: int, to: str
) -> list[str]:
    """The command that runs one client."""
    script = str(ROOT / "benchmarks" / "clients" / f"with_{client}.py")
    return [*_on_core(1), python, script, base_url, str(rows), str(in_flight), to]


def measured(client: str, python: str, latency: str, in_flight: int, rows: int) -> Figures | str:
    """Run `client` once; a string says why there are no figures."""
    with server(latency) as base_url, TemporaryDirectory(prefix="engine-") as folder:
        # files, not pipes: a client that says much must not wait until it is heard
        with Path(folder, "log").open("w+") as log, Path(folder, "said").open("w+") as said:
            process = subprocess.Popen(
                command(client, python, base_url, rows, in_flight, folder),
                stdout=said,
                stderr=log,
                text=True,
                cwd=folder,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "HOME": folder},
            )
            early, late = _watch(process, base_url, rows)
            said.seek(0)
            out = said.read()
            if process.returncode:
                log.seek(0)
                return f"ended with {process.returncode}: {log.read()[-600:]}"
        told = json.loads(next(line for line in reversed(out.splitlines()) if '"cpu"' in line))
        stats = get(base_url, "stats")
    return Figures(
        client,
        latency,
        in_flight,
        rows,
        rows / told["seconds"],
        1000 * told["cpu"] / rows,
        stats["mean_in_flight"] / in_flight,
        stats["requests"] - stats["different"],
        early,
        late,
    )


def _watch(process: "subprocess.Popen[str]", base_url: str, rows: int) -> tuple[float, float]:
    """Wait for the end; memory after a fifth of the rows, and the last that was seen."""
    early = late = 0.0
    until = time.monotonic() + LONGEST
    while process.poll() is None:
        if time.monotonic() > until:
            process.kill()
        late = _memory(process.pid) or late
        if not early and get(base_url, "stats")["requests"] > rows / 5:
            early = late
        time.sleep(1.0)
    return early, late


def _memory(pid: int) -> float:
    """Resident MiB of a process."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS")]
    return int(found[0]) / 1024 if found else 0.0


def killed(in_flight: int, rows: int, kills: int) -> dict[str, int]:
    """Kill ours at random moments and let it end: what was paid twice, what was in flight then.

    `in_flight_at_kills` counts what the server had not answered yet; what it had answered and the
    client not yet read or recorded comes on top, up to `places_at_kills`.
    """
    random = Random(1)
    lost = 0
    with server("fixed:0.2") as base_url, TemporaryDirectory(prefix="engine-") as folder:
        asked = command("ours", sys.executable, base_url, rows, in_flight, folder)
        for _ in range(kills):
            with subprocess.Popen(asked, stdout=subprocess.DEVNULL) as process:
                time.sleep(1.5 + 2 * random.random())
                os.kill(process.pid, signal.SIGSTOP)  # the server tells meanwhile
                lost += get(base_url, "stats")["in_flight"]
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.4)  # what was in flight ends at the server
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
        stats = get(base_url, "stats")
    twice = stats["requests"] - stats["different"]
    return {
        "kills": kills,
        "paid_twice": twice,
        "in_flight_at_kills": lost,
        "places_at_kills": kills * in_flight,
    }


def has(client: str, python: str) -> bool:
    """Whether `python` has what `client` needs."""
    name = PACKAGES.get(client, client)
    if client == "ours":
        return True
    return not subprocess.run(
        [python, "-c", f"import {name}"], capture_output=True, check=False
    ).returncode


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--python", action="append", default=[], metavar="CLIENT=PATH")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--in-flight", default="256,1024")
    parser.add_argument("--latencies", default=",".join(LATENCIES))
    parser.add_argument("--rows", type=int, default=0, help="by default so many that it is steady")
    parser.add_argument("--long", type=int, default=50_000, help="rows of the long run of ours")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1, help="of all clients, in turns")
    return parser.parse_args()


def settings_of(given: argparse.Namespace) -> Iterator[tuple[str, str, int, int]]:
    """Client, latency, requests in flight and rows of every measurement."""
    for latency in given.latencies.split(","):
        for in_flight in map(int, given.in_flight.split(",")):
            for client in given.clients.split(",") * given.rounds:
                rows = given.rows or (8 if latency.startswith("fixed") else 4) * in_flight
                yield client, latency, in_flight, rows


def tell(found: object) -> None:
    """A line for what was measured, as it comes."""
    sys.stdout.write(f"{json.dumps(found)}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what was asked for; a line for each as it comes, tables and JSON in the end."""
    given = arguments()
    pythons = dict(pair.split("=", 1) for pair in given.python)
    report: dict[str, Any] = {"figures": []}
    found: list[Figures] = []
    for client, latency, in_flight, rows in settings_of(given):
        python = pythons.get(client, sys.executable)
        if not has(client, python):
            sys.stderr.write(f"{client} is not installed for {python}: left out.\n")
            continue
        figures = measured(client, python, latency, in_flight, rows)
        failed = {"client": client, "latency": latency, "in_flight": in_flight, "failed": figures}
        report["figures"].append(failed if isinstance(figures, str) else asdict(figures))
        found += [] if isinstance(figures, str) else [figures]
        tell(report["figures"][-1])
    long = measured("ours", sys.executable, *LONG, given.long) if given.long else None
    if long is not None:
        report["long"] = long if isinstance(long, str) else asdict(long)
        tell(report["long"])
    if given.kills:
        report["kills"] = killed(256, 20_000, given.kills)
        tell(report["kills"])
    out = stdout_console()
    for table in tables(found, None if isinstance(long, str) else long):
        out.print(table)
    if given.json is not None:
        given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
