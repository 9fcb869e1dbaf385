#!/usr/bin/env python3
"""The ready scripts for Slurm and Snakemake make the bytes of an undivided sweep.

    schedulers_test.py PROGRAM EXAMPLES

Slurm runs in a folder of its own: controller, node and two cores of this machine, without authentication. What is not
installed, or cannot be started here, is skipped with a word; exits with 77 when nothing could be tried.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM, EXAMPLES = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SWEEP = """
[base]
data.n = 5
data.d = 60
network.width = 8
descent.until = 2000
[axes]
network.slope = [0, 0.5]
seed = {from = 1, to = 4, step = 1}
"""
SLURM = """
ClusterName=latetime
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/node.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return False


def require_same(out, whole):
    for name in ("points.csv", "sweep.nc"):
        if (out / name).read_bytes() != (whole / name).read_bytes():
            sys.exit(f"{out / name} differs from that of the undivided sweep")


def snakemake(folder, whole):
    if not shutil.which("snakemake"):
        return "snakemake is not installed"
    command = ["snakemake", "-s", EXAMPLES / "sweeps/Snakefile", "--cores", "2", "--config", "sweep=map.toml",
               "out=by-snakemake", "shards=3", f"latetime={PROGRAM}"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if made.returncode != 0:
        sys.exit(f"snakemake: {made.stdout}{made.stderr}")
    require_same(folder / "by-snakemake", whole)
    return ""


def slurm(folder, whole):
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "sinfo") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} is not installed"
    if os.geteuid() != 0:
        return "slurmd starts for root alone"
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool", "logs"):
        (folder / name).mkdir()
    settings = SLURM.format(host=host, user="root", folder=folder, ports=free_ports())
    (folder / "slurm.conf").write_text(settings)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "LATETIME": str(PROGRAM), "CPUS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    daemons = [subprocess.Popen(["slurmctld", "-D"], **quiet), subprocess.Popen(["slurmd", "-D", "-N", host], **quiet)]
    try:
        def call(*command):
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)

        if not wait_for(lambda: "idle" in call("sinfo", "-h").stdout, 30):
            return "Slurm does not start here"
        sent = call(EXAMPLES / "sweeps/slurm-array.sh", "map.toml", "by-slurm", "3")
        if sent.returncode != 0:
            sys.exit(f"slurm-array.sh: {sent.stderr}")
        if not wait_for(lambda: (folder / "by-slurm/sweep.nc").exists() and not call("squeue", "-h").stdout.strip(), 120):
            logs = "".join(log.read_text() for log in (folder / "logs").glob("*.log"))
            sys.exit(f"Slurm's jobs did not come to an end: {call('squeue').stdout}{logs}")
    finally:
        for daemon in daemons:
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(20)
    require_same(folder / "by-slurm", whole)
    return ""


def main():
    with tempfile.TemporaryDirectory(prefix="latetime_schedulers_") as name:
        folder = pathlib.Path(name)
        (folder / "map.toml").write_text(SWEEP)
        subprocess.run([PROGRAM, "sweep", folder / "map.toml", "--quiet", "--out", folder / "whole"], check=True)
        skipped = {one.__name__: one(folder, folder / "whole") for one in (snakemake, slurm)}
    for what, why in skipped.items():
        print(f"{what}: {'skipped, ' + why if why else 'the same bytes'}")
    return 77 if all(skipped.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
