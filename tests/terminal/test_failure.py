"""What is said of a failed job."""

from pathlib import Path

from stability_gap.terminal.failure import LAST, failure


def told(log: Path) -> dict[str, object]:
    return {"rule_name": "train", "log": [str(log)], "output": ["results/runs/a/b/1/run.json"], "aux": {}}


def test_the_log_and_what_to_do_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("one\nerror: data_root is no folder; create it.\n", encoding="utf-8")
    lines = failure("a b, seeds 1", told(log))
    assert "FAILED  a b, seeds 1 (rule train)" in lines
    assert lines.index("one") == lines.index(f"  {log} says:") + 1
    assert "error: data_root is no folder; create it." in lines
    assert any("run the same command again" in line for line in lines)


def test_of_a_long_log_the_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("".join(f"line {number}\n" for number in range(500)), encoding="utf-8")
    lines = failure("a b", told(log))
    assert f"    … {500 - LAST} earlier lines" in lines
    assert "line 499" in lines
    assert "line 100" not in lines


def test_a_job_without_a_message_names_its_command(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    for log in ("empty.log", "missing.log"):
        lines = failure("a b", told(tmp_path / log))
        assert any("ended from outside" in line for line in lines)
        assert any(line.endswith("snakemake -n -p results/runs/a/b/1/run.json") for line in lines)
