"""A real Slurm of one node on this machine, in a folder of its own: no systemd, no cgroups, root as its only user."""

import os
import socket
import subprocess
import time
from pathlib import Path

from daemons import Daemons, succeeds, wait_until

# Job steps drop SLURM_CONF before their inner srun, so the configuration must also be where srun looks by itself.
DEFAULT = Path("/etc/slurm/slurm.conf")
DATABASE_USER = "slurm"


def free_ports(number: int) -> list[int]:
    """TCP ports of this machine that nobody uses now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class PrivateSlurm:
    """Slurm with or without accounting. The partition is `main`; a job that takes more memory than it asked for is killed."""

    def __init__(self, folder: Path, accounting: bool) -> None:
        self.folder = folder
        self.accounting = accounting
        self.host = socket.gethostname().split(".")[0]
        self.socket = folder / "munge" / "munge.socket"
        self.daemons = Daemons(folder / "log")
        self.controller_port, self.node_port, self.accounting_port, self.database_port = free_ports(4)

    # --- what a test asks and does ------------------------------------------------------------------------------------

    def ask(self, *command: str) -> str:
        """What a Slurm command prints."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """State of every job and array task that the controller remembers, which is all of them."""
        lines = self.ask("squeue", "--noheader", "--states=all", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def active(self) -> set[str]:
        """Jobs that wait or run."""
        over = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}
        return {job for job, state in self.states().items() if state not in over}

    def entries(self) -> int:
        """Number of sbatch calls so far: an array is one."""
        return len({job.split("_")[0] for job in self.states()})

    def memory_asked(self, job: str) -> int:
        """MB that a job asked for."""
        return int(
            self.ask("squeue", "--noheader", "--states=all", f"--jobs={job}", "--Format=MinMemory").strip().removesuffix("M")
        )

    def node_down(self) -> None:
        """Set the node down as an administrator does."""
        self.ask("scontrol", "update", f"nodename={self.host}", "state=down", "reason=test")

    def node_up(self) -> None:
        """Resume the node, unless it has come back by itself (ReturnToService), which scontrol would call invalid."""
        succeeds("scontrol", "update", f"nodename={self.host}", "state=resume")
        wait_until(lambda: self._node_state() in ("idle", "mixed", "allocated"), "the node is back", 60)

    def _node_state(self) -> str:
        return self.ask("sinfo", "--noheader", "--format=%T").strip().rstrip("*")

    def start_now(self, job: str) -> None:
        """Spare a requeued job the two minutes that Slurm lets it wait.

        Its former start must have left the node, or else the node refuses the second one, is drained, and the job held.
        """
        wait_until(lambda: not self._on_node(job), f"job {job} has left the node", 60)

        def started() -> bool:
            if self.states()[job] != "PENDING":
                return True
            if "launch failed" in self.ask("squeue", "--noheader", f"--jobs={job}", "--Format=Reason:60"):
                self.node_up()
                self.ask("scontrol", "release", job)
            self.ask("scontrol", "update", f"jobid={job}", "starttime=now")
            time.sleep(2)
            return False

        wait_until(started, f"job {job} starts again", 180)

    def _on_node(self, job: str) -> bool:
        """Whether the node knows of a step of a job: each has a socket there (slurmd asks the same before it starts one)."""
        return any((self.folder / "spool").glob(f"*_{job}.*"))

    def cancel_all(self) -> None:
        """Leave no job to the next test."""
        self.ask("scancel", "--user=root")
        wait_until(lambda: not self.active(), "all jobs are gone", 60)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemons and wait for an idle node."""
        self._refuse_another_slurm()
        for name in ("etc", "log", "state", "spool", "munge", "database"):
            (self.folder / name).mkdir()
        configuration = self.folder / "etc" / "slurm.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        DEFAULT.parent.mkdir(exist_ok=True)
        DEFAULT.unlink(missing_ok=True)
        DEFAULT.symlink_to(configuration)
        os.environ["SLURM_CONF"] = str(configuration)
        self._start_munge()
        if self.accounting:
            self._start_database()
            self._start_accounting()
        self.daemons.start("slurmctld", "-D", ready=lambda: succeeds("scontrol", "ping"))
        self.daemons.start("slurmd", "-D", ready=lambda: self._node_state() == "idle")

    def stop(self) -> None:
        """Stop all that was started."""
        if succeeds("scontrol", "ping"):
            self.cancel_all()
        self.daemons.stop()
        if DEFAULT.is_symlink() and DEFAULT.readlink().is_relative_to(self.folder):
            DEFAULT.unlink()
        os.environ.pop("SLURM_CONF", None)

    def _refuse_another_slurm(self) -> None:
        ours = DEFAULT.is_symlink() and not succeeds("scontrol", "ping")  # left by a test run that was killed
        if DEFAULT.exists() and not ours:
            raise SystemExit(
                f"make test-cluster starts a Slurm of its own, but {DEFAULT} is there: use a machine or container without."
            )

    def _configuration(self) -> str:
        lines = f"""
            ClusterName=test
            SlurmctldHost={self.host}(127.0.0.1)
            SlurmctldPort={self.controller_port}
            SlurmdPort={self.node_port}
            SlurmUser=root
            SlurmdUser=root
            AuthType=auth/munge
            AuthInfo=socket={self.socket}
            ProctrackType=proctrack/pgid
            TaskPlugin=task/none
            MpiDefault=none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_Core_Memory
            SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
            ReturnToService=2
            MinJobAge=3600
            KillWait=2
            EnforcePartLimits=ALL
            SlurmdParameters=config_overrides
            SlurmctldPidFile={self.folder}/slurmctld.pid
            SlurmdPidFile={self.folder}/slurmd.pid
            StateSaveLocation={self.folder}/state
            SlurmdSpoolDir={self.folder}/spool
            JobAcctGatherType=jobacct_gather/linux
            JobAcctGatherFrequency=task=1
            JobAcctGatherParams=OverMemoryKill
            AccountingStorageType=accounting_storage/{"slurmdbd" if self.accounting else "none"}
            NodeName={self.host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000
            PartitionName=main Nodes={self.host} Default=YES MaxTime=INFINITE
            """
        if self.accounting:
            # The password is where munge listens: slurmctld keeps a connection open, for which AuthInfo is not enough.
            lines += f"""
            AccountingStorageHost=localhost
            AccountingStoragePort={self.accounting_port}
            AccountingStoragePass={self.socket}
            """
        return "".join(f"{line.strip()}\n" for line in lines.splitlines() if line.strip())

    def _start_munge(self) -> None:
        key = self.folder / "munge" / "munge.key"
        key.touch(0o400)
        key.write_bytes(os.urandom(1024))
        for folder in (self.folder, key.parent):
            folder.chmod(0o711)
        self.daemons.start(
            "munged",
            "--foreground",
            f"--socket={self.socket}",
            f"--key-file={key}",
            f"--pid-file={self.folder}/munge/pid",
            f"--seed-file={self.folder}/munge/seed",
            f"--log-file={self.folder}/log/munged.log",
            ready=lambda: succeeds("munge", f"--socket={self.socket}", "--no-input"),
        )

    def _start_database(self) -> None:
        data = self.folder / "database"
        client = ["--no-defaults", f"--socket={data}/socket", "--user=root"]
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        subprocess.run([*install, "--auth-root-authentication-method=socket"], capture_output=True, check=True)
        self.daemons.start(
            "mariadbd",
            "--no-defaults",
            "--user=root",
            f"--datadir={data}",
            f"--socket={data}/socket",
            f"--pid-file={data}/pid",
            f"--port={self.database_port}",
            "--bind-address=127.0.0.1",
            ready=lambda: succeeds("mariadb-admin", *client, "ping"),
        )
        user = f"'{DATABASE_USER}'@'127.0.0.1'"
        sql = f"create database slurm_acct_db; create user {user} identified by 'slurm'; grant all on slurm_acct_db.* to {user};"
        subprocess.run(["mariadb", *client, f"--execute={sql}"], check=True)

    def _start_accounting(self) -> None:
        configuration = self.folder / "etc" / "slurmdbd.conf"
        configuration.touch(0o600)
        configuration.write_text(
            f"AuthType=auth/munge\nAuthInfo=socket={self.socket}\nDbdHost=localhost\nDbdAddr=127.0.0.1\nDbdPort={self.accounting_port}\n"
            f"SlurmUser=root\nPidFile={self.folder}/slurmdbd.pid\nStorageType=accounting_storage/mysql\nStorageHost=127.0.0.1\n"
            f"StoragePort={self.database_port}\nStorageUser={DATABASE_USER}\nStoragePass=slurm\nStorageLoc=slurm_acct_db\n",
            encoding="utf-8",
        )
        self.daemons.start("slurmdbd", "-D", ready=lambda: succeeds("sacctmgr", "--noheader", "show", "cluster"))
        for command in (["cluster", "test"], ["account", "lab"], ["user", "root", "account=lab"]):
            self.ask("sacctmgr", "--immediate", "add", *command)
