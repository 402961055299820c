"""Train on several machines of a Ray cluster.

    python train_on_ray.py --nodes 2 --devices 4 -- SLIDES/ --output RUN/ --batch 64

Ray finds the machines and holds their GPUs; on each of them `carcinomap train` runs in a process
for each GPU, and Lightning connects the processes, as after SLURM or torchrun. What follows `--`
are the arguments of `carcinomap train`. Slides and RUN/ lie on storage that all machines share,
under the same path. Relative paths count from the folder where this is called.

Where one process fails, all are ended, and its exit code is that of this script. So they are after
Ctrl-C. `--resume` goes on.
"""

import argparse
import ctypes
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

GRACE = 30
"""Seconds that a process gets to end by itself."""

INTERRUPTED = 130
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> int:
    """Run the script and return its exit code."""
    options = parsed()
    ray.init(address=options.address, log_to_driver=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray has set its own
    group = None
    try:
        group = placed(options)
        return watched(started(group, options))
    except KeyboardInterrupt:
        say("interrupted; --resume goes on from the last validation")
        return INTERRUPTED
    finally:
        if group is not None:
            remove_placement_group(group)
        ray.shutdown()


def parsed() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description="Train on several machines of a Ray cluster.",
        epilog="After -- come the arguments of `carcinomap train`.",
    )
    parser.add_argument("--address", default="auto", help="of the Ray cluster (auto)")
    parser.add_argument("--nodes", type=int, required=True, help="machines")
    parser.add_argument("--devices", type=int, default=1, help="GPUs of each machine (1)")
    parser.add_argument("--cpus", type=int, help="cores of each machine (one for each device)")
    parser.add_argument("--cpu", action="store_true", help="train without GPUs")
    parser.add_argument("--wait", type=float, default=600, help="seconds for machines (600)")
    parser.add_argument("arguments", nargs="+", help="of `carcinomap train`")
    return parser.parse_args()


def say(text: str) -> None:
    """Tell something that is not the training's own."""
    sys.stderr.write(f"train_on_ray: {text}\n")


def needs(options: argparse.Namespace) -> dict[str, float]:
    """Return what is held of every machine."""
    cpus = {"CPU": float(options.cpus or options.devices)}
    return cpus if options.cpu else {**cpus, "GPU": float(options.devices)}


def placed(options: argparse.Namespace) -> PlacementGroup:
    """Hold the machines; end the script where there are not so many."""
    wanted = needs(options)
    group = placement_group([wanted] * options.nodes, strategy="STRICT_SPREAD")
    if not group.wait(0.5):
        say(f"waiting for {options.nodes} machines, each with {wanted} free")
        if not group.wait(options.wait):
            remove_placement_group(group)
            sys.exit(
                f"error: no {options.nodes} machines with {wanted} free after {options.wait:g} s; "
                f"the cluster has {ray.cluster_resources()}, of which {ray.available_resources()} "
                "are free (--cpu trains without GPUs)"
            )
    return group


def started(group: PlacementGroup, options: argparse.Namespace) -> list[ray.ObjectRefGenerator]:
    """Start the processes of every machine; each generator yields what those of one say."""
    arguments = ["train", *options.arguments, "--nodes", str(options.nodes)]
    arguments += ["--devices", str(options.devices), *(["--device", "cpu"] if options.cpu else [])]
    threads = max(1, (options.cpus or options.devices) // options.devices)
    host, port = ray.get(on_node(group, 0, 0, meeting_point).remote())
    common = {
        "MASTER_ADDR": host,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(options.nodes * options.devices),
        "LOCAL_WORLD_SIZE": str(options.devices),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        "TORCHELASTIC_RUN_ID": "train_on_ray",  # by this, Lightning knows what the others mean
    }
    generators = []
    for node in range(options.nodes):
        environments = [
            {
                **common,
                "GROUP_RANK": str(node),
                "LOCAL_RANK": str(local),
                "RANK": str(node * options.devices + local),
            }
            for local in range(options.devices)
        ]
        task = on_node(group, node, needs(options), run_processes, num_returns="streaming")
        generators.append(task.remote(arguments, environments, os.getcwd()))
    return generators


def on_node(group, node, resources, function, **options):
    """Return a function as a task of one machine; one that dies is not begun again."""
    wanted = resources or {"CPU": 0.0}
    return ray.remote(
        num_cpus=wanted["CPU"],
        num_gpus=wanted.get("GPU", 0),
        max_retries=0,
        scheduling_strategy=PlacementGroupSchedulingStrategy(group, node),
        **options,
    )(function)


def meeting_point() -> tuple[str, int]:
    """Return the address of this machine and a port that is free, where all processes meet."""
    with closing(socket.socket()) as free:
        free.bind(("", 0))
        return ray.util.get_node_ip_address(), free.getsockname()[1]


def run_processes(
    arguments: Sequence[str], environments: Sequence[Mapping[str, str]], folder: str
) -> Iterator[str | int]:
    """Run carcinomap once for each environment, until all have ended or one fails.

    Yields:
        Lines that they write and, last, an exit code.
    """
    command = [sys.executable, "-m", "carcinomap", *arguments]
    libc = ctypes.CDLL(None)
    reading, writing = os.pipe()
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        with open(reading, encoding="utf-8", errors="replace") as said:
            for line in said:
                lines.put(line)

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    processes: list[subprocess.Popen[bytes]] = []
    try:
        for environment in environments:
            processes.append(
                subprocess.Popen(  # noqa: S603 - what the user asks for, on the user's machines
                    command,
                    env={**os.environ, **environment},
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=writing,
                    stderr=writing,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - one call of C and nothing else
                )
            )
        os.close(writing)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        codes: list[int | None] = [None]
        while None in codes and not any(codes):
            codes = [process.poll() for process in processes]
            try:
                yield lines.get(timeout=0.5)  # Ray can interrupt between two waits
            except queue.Empty:
                continue
    finally:
        end(processes)
    reader.join(timeout=5)
    while not lines.empty():
        yield lines.get()
    code = next((code for code in codes if code), 0)
    yield 128 - code if code < 0 else code


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End those that still run, kindly at first."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def watched(generators: Sequence[ray.ObjectRefGenerator]) -> int:
    """Pass on what all machines say until all have ended or one fails; return the exit code."""
    running = {generator: number for number, generator in enumerate(generators, 1)}
    try:
        while running:
            (generator,), _ = ray.wait(list(running), num_returns=1)
            try:
                said = ray.get(next(generator))
            except StopIteration:
                del running[generator]
                continue
            except ray.exceptions.RayError as error:
                say(f"machine {running.pop(generator)} is lost: {error}")
                return 1
            if isinstance(said, str):
                sys.stdout.write(f"machine {running[generator]}: {said}")
                sys.stdout.flush()
            elif said:
                say(f"machine {running[generator]} ended with exit code {said}")
                return said
    finally:
        cancel(running)
    return 0


def cancel(generators: Collection[ray.ObjectRefGenerator]) -> None:
    """End the processes of these machines, and wait for that."""
    for generator in generators:
        ray.cancel(generator)
    for generator in generators:
        with suppress(ray.exceptions.RayError):
            for said in generator:
                ray.get(said)


if __name__ == "__main__":
    sys.exit(main())
