"""One run of the smoke suite on real digits: what it makes, and what would be made again after a change."""

import itertools
import re
import shutil
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from real_workflow import Workflow, counts, files_below, new_workflow

from stability_gap import files

BENCHMARKS = ["rotated_digits_smoke", "split_digits_smoke"]
OPTIMIZERS = ["adam", "msgd", "ngm_sgd", "sgd"]
SEEDS = [42, 43, 44]
BLOCKS = {"split_digits_smoke": ["42-43", "44"], "rotated_digits_smoke": ["42-44"]}
TASKS = {"split_digits_smoke": 5, "rotated_digits_smoke": 3}
CELLS = list(itertools.product(BENCHMARKS, OPTIMIZERS))
RUNS = [f"{benchmark}/{optimizer}/{block}" for benchmark, optimizer in CELLS for block in BLOCKS[benchmark]]

FIGURES = [f"{kind}_{benchmark}" for kind in ("curves", "zoom") for benchmark in BENCHMARKS] + ["gain_per_task", "tradeoff"]
TABLES = ["table1", "table2", "table3", "paper_comparison"]
DELIVERABLES = ["metrics.parquet", "summary.csv", "paper_metrics.csv", "statistics.csv", "ranks.csv", "claims.csv", "report.html"]
DELIVERABLES += ["agreement.csv", "agreement_per_seed.csv"]
DELIVERABLES += [f"figures/{figure}.{suffix}" for figure in FIGURES for suffix in ("svg", "pdf", "png")]
DELIVERABLES += [f"tables/{table}.{suffix}" for table in TABLES for suffix in ("csv", "md", "tex", "html")]

# What follows from new runs of all benchmarks, and from new runs of one.
AFTER_TRAINING = dict.fromkeys(["metrics", "statistics", "agreement", "tables", "report"], 1)
AFTER_TRAINING |= {"figure_of_benchmark": 4, "figure_of_suite": 2}
AFTER_ONE = AFTER_TRAINING | {"figure_of_benchmark": 2}


# What is made


def test_every_deliverable_is_made_and_nothing_else(smoke: Workflow) -> None:
    made = [file for file in files_below(smoke.folder / "results/smoke") if not file.startswith("logs/")]
    assert made == sorted(DELIVERABLES)
    runs = {f"{run}/{file}" for run in RUNS for file in ("evaluations.parquet", "training.parquet", "run.json")}
    assert set(files_below(smoke.folder / "results/runs")) == runs
    assert all(path.stat().st_size > 0 for path in smoke.folder.glob("results/**/*.*") if path.suffix != ".log")


def test_the_last_words_say_what_was_made(smoke_run: tuple[Workflow, str]) -> None:
    line = next(line for line in smoke_run[1].splitlines() if line.startswith("Suite "))
    assert line == (
        "Suite smoke: 24 runs (8 cells, 3 seeds). All of it on one page: results/smoke/report.html."
        " Main table: results/smoke/tables/table1.md, verdicts: results/smoke/claims.csv."
    )
    for path in re.findall(r"results/[\w./]+\w", line):
        assert (smoke_run[0].folder / path).exists()


def test_a_line_tells_of_every_cell_with_share_and_time_left(smoke_run: tuple[Workflow, str]) -> None:
    lines = smoke_run[1].splitlines()
    told = [re.match(r" *(\d+) %  (.+) in [\d.]+ (s|min|h \d+ min); (about .+ left|time left: .+|done)$", line) for line in lines]
    of_cells = [each[2] for each in told if each and each[2].endswith(": 3 runs")]
    assert sorted(of_cells) == [f"{benchmark} {optimizer}: 3 runs" for benchmark, optimizer in CELLS]
    shares = [int(each[1]) for each in told if each]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert len(lines) <= len(CELLS) + 25  # 18 lines, and some more where a slow machine leaves long silences
    assert max(map(len, lines)) <= 180
    assert any(line.startswith("To do for suite smoke: 8 cells to train (24 runs), 26 jobs in all; ") for line in lines)


def test_a_dry_run_says_how_much_there_is_to_do_and_how_long_it_takes(finished: Workflow) -> None:
    finished.configure(lambda values: values["optimizers"]["ngm_sgd"].update(learning_rate=0.02))
    told = finished.make("--dry-run", "--cores", "2")
    assert "3  train (6 runs): " in told
    assert re.search(r"^About \d+.* on 2 cores, as former runs took \(2 cells scaled by work\)\.$", told, re.MULTILINE)
    assert len(told.splitlines()) < 20


def test_every_job_leaves_its_log_and_its_benchmark(smoke: Workflow) -> None:
    jobs = [f"logs/data/{name}" for name in ("digits",)]
    jobs += [f"logs/streams/{benchmark}" for benchmark in BENCHMARKS]
    jobs += [f"logs/train/{run}" for run in RUNS]
    jobs += [f"smoke/logs/{name}" for name in ("metrics", "statistics", "agreement", "tables", "report", *FIGURES)]
    for job in jobs:
        assert (smoke.folder / f"results/{job}.log").is_file()
        measured = pd.read_csv(smoke.folder / f"results/{job}.tsv", sep="\t")
        assert len(measured) == 1
        assert measured["s"].item() > 0


def test_no_place_machine_or_time_stands_in_a_result(smoke: Workflow) -> None:
    places = "|".join(map(re.escape, [smoke.folder.parent.name, str(Path.home()), "/tmp", "/usr", "/home"]))
    machine = rf"(?<!\w){re.escape(socket.gethostname())}(?!\w)"
    moment = r"20\d\d-[01]\d-[0-3]\d|[012]\d:[0-5]\d:[0-5]\d"
    traces = re.compile(f"{places}|{machine}|{moment}")
    assert traces.search(f"{smoke.folder} 2026-11-22") is not None
    suite = smoke.folder / "results/smoke"
    shared = [smoke.folder / "results" / folder for folder in ("data", "streams")]
    for path in [suite / file for file in DELIVERABLES] + [path for folder in shared for path in folder.rglob("*.json")]:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert not re.search(rb"tIME|tEXt|iTXt|zTXt", content[:200]), path
        elif path.suffix == ".pdf":
            assert not re.search(rb"/CreationDate|/ModDate|D:20\d\d|/tmp|/home", content), path
        elif path.suffix == ".parquet":
            assert smoke.folder.parent.name.encode() not in content, path
        else:
            # but for Bokeh's own code, and pictures and curves in base64
            text = re.sub(r"<script.*?</script>|\"data:[^\"]*\"", "", content.decode(), flags=re.DOTALL)
            assert not traces.search(text), (path, traces.search(text))


def test_every_figure_is_a_picture(smoke: Workflow) -> None:
    for figure in FIGURES:
        stem = smoke.folder / "results/smoke/figures" / figure
        assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")
        assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG\r\n")
        assert stem.with_suffix(".svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


# Data contracts (docs/data-contracts.md)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_streams_honour_their_contract(smoke: Workflow, benchmark: str) -> None:
    folder = smoke.folder / "results/streams" / benchmark
    with np.load(folder / "stream.npz", allow_pickle=False) as archive:
        arrays = dict(archive)
    for part in ("train", "test"):
        images, labels, sizes = (arrays[f"{part}_{name}"] for name in ("images", "labels", "sizes"))
        assert (images.dtype, labels.dtype, sizes.dtype) == (np.uint8, np.int64, np.int64)
        assert len(sizes) == TASKS[benchmark]
        assert sizes.sum() == len(images) == len(labels)
    assert arrays["mean"].dtype == arrays["std"].dtype == np.float32
    facts = pd.read_json(folder / "stream.json", typ="series")
    assert {"benchmark", "dataset", "tasks", "classes", "incremental", "settings", "official", "digest", "source_digest"} <= set(
        facts.index
    )
    assert (facts["benchmark"], facts["tasks"], facts["classes"]) == (benchmark, TASKS[benchmark], 10)


@pytest.mark.parametrize("run", RUNS)
def test_runs_honour_their_contract(smoke: Workflow, run: str) -> None:
    folder = smoke.folder / "results/runs" / run
    benchmark, optimizer, block = run.split("/")
    seeds = [int(block)] if "-" not in block else list(range(int(block[:2]), int(block[3:]) + 1))
    tasks, iterations = TASKS[benchmark], 12 * TASKS[benchmark]

    keys = {"seed": "int32", "iteration": "int32", "context": "int16", "task": "int16"}
    evaluations = pd.read_parquet(folder / "evaluations.parquet")
    assert evaluations.dtypes.astype(str).to_dict() == keys | {"accuracy": "float32", "loss": "float32"}
    expected = [
        (seed, i, (i - 1) // 12 + 1, task)
        for seed in seeds
        for i in range(1, iterations + 1)
        for task in range(1, (i - 1) // 12 + 2)
    ]
    assert list(evaluations[list(keys)].itertuples(index=False, name=None)) == expected
    assert evaluations["accuracy"].between(0, 1).all()
    assert (evaluations["loss"] > 0).all()

    training = pd.read_parquet(folder / "training.parquet")
    layers = [name.removeprefix("gain_") for name in training if name.startswith("gain_")]
    measured = ["loss", "accuracy", "entropy", "learning_rate", *(f"gain_{layer}" for layer in layers)]
    measured += [*(f"weight_norm_{layer}" for layer in layers), "update_norm"]
    assert len(layers) == 3
    expected_types = {name: keys[name] for name in ("seed", "iteration", "context")} | dict.fromkeys(measured, "float32")
    assert training.dtypes.astype(str).to_dict() == expected_types
    assert len(training) == len(seeds) * iterations
    assert training[["seed", "iteration"]].equals(training[["seed", "iteration"]].sort_values(["seed", "iteration"]))
    assert training["entropy"].between(0, np.log(10) + 1e-5).all()
    gains = training[[f"gain_{layer}" for layer in layers]]
    assert (gains.iloc[1:] > 1).any(axis=None) == (optimizer == "ngm_sgd")
    assert (gains == 1).all(axis=None) == (optimizer != "ngm_sgd")

    facts = pd.read_json(folder / "run.json", typ="series")
    named = {"benchmark", "optimizer", "classes", "settings", "seeds", "code", "versions", "device", "threads"}
    assert named | {"stream_digest", "official", "wall_seconds", "peak_memory_mib"} <= set(facts.index)
    assert (facts["benchmark"], facts["optimizer"]) == (benchmark, optimizer)
    ended = {"status": "completed", "diverged_at": None, "together": 1, "captured": False, "fallbacks": [], "resumed": 0}
    assert facts["seeds"] == {str(seed): ended for seed in seeds}
    assert tasks == facts["tasks"]


def test_metrics_honour_their_contract(smoke: Workflow) -> None:
    path = smoke.folder / "results/smoke/metrics.parquet"
    metrics = pd.read_parquet(path)
    keys = ["benchmark", "optimizer", "seed", "metric", "context"]
    types = {field.name: str(field.type).removeprefix("large_") for field in pq.read_schema(path)}
    assert types == dict(zip(keys, ["string", "string", "int32", "string", "int16"], strict=True)) | {"value": "double"}
    assert metrics[keys].equals(metrics[keys].sort_values(keys, ignore_index=True))
    assert not metrics.duplicated(keys).any()
    cells = metrics[["benchmark", "optimizer", "seed"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(cells) == [(*cell, seed) for cell in CELLS for seed in SEEDS]

    whole = "avg_acc min_acc wc_acc wf_10 wf_100 wp_10 wp_100 lca_10"
    whole += " forgetting bwt avg_gap_area avg_transient_area avg_lasting_area anytime_acc diverged"
    switches = "recovery recovered gap_area transient_area lasting_area gain_before gain_peak gain_end gain_rise gain_decay"
    switches += " placebo_gain_rise placebo_gain_decay"
    for of in ("sg", "depth", "placebo_sg", "net_sg"):
        for reference in ("previous", "first", "seen"):
            switches += f" {of}_{reference}"
            whole += f" avg_{of}_{reference}"
    for (benchmark, _, _), rows in metrics.groupby(keys[:3]):
        last = TASKS[benchmark]
        expected = {(metric, 0) for metric in whole.split()}
        expected |= {(metric, k) for metric in switches.split() for k in range(2, last + 1)}
        expected |= {("mean_gain", k) for k in range(1, last + 1)}
        assert set(zip(rows["metric"], rows["context"].fillna(0).astype(int), strict=True)) == expected
    accuracies = metrics[metrics["metric"].isin(["avg_acc", "min_acc", "wc_acc", "lca_10"])]
    assert accuracies["value"].between(0, 1).all()


@pytest.mark.parametrize(
    ("table", "keys", "columns"),
    [
        ("paper_metrics", "benchmark optimizer convention", "metric value sd"),
        ("summary", "benchmark optimizer metric context", "n mean sd min max diverged"),
        ("statistics", "benchmark metric optimizer_a optimizer_b", "n mean_difference effect_size ci_low ci_high p_value p_holm"),
        ("ranks", "metric optimizer", "average_rank benchmarks friedman_p critical_difference"),
        ("claims", "claim benchmark reference", "title statement verdict evidence optimizer authors"),
    ],
)
def test_suite_tables_honour_their_contract(smoke: Workflow, table: str, keys: str, columns: str) -> None:
    found = pd.read_csv(smoke.folder / f"results/smoke/{table}.csv")
    named, others = keys.split(), columns.split()
    assert set(named + others) <= set(found.columns)
    unique = [*named, *{"paper_metrics": ["metric"], "claims": ["optimizer"]}.get(table, [])]
    assert not found.duplicated(unique).any()
    assert found[named].equals(found[named].sort_values(named, ignore_index=True))
    if "optimizer" in named:
        assert sorted(set(found["optimizer"])) == OPTIMIZERS
    if "benchmark" in named:
        assert sorted(set(found["benchmark"])) == BENCHMARKS


def test_summary_is_the_mean_of_the_metrics(smoke: Workflow) -> None:
    folder = smoke.folder / "results/smoke"
    metrics, summary = pd.read_parquet(folder / "metrics.parquet"), pd.read_csv(folder / "summary.csv")
    values = metrics[metrics["metric"] == "avg_acc"].groupby(["benchmark", "optimizer"])["value"]
    shown = summary[summary["metric"] == "avg_acc"].set_index(["benchmark", "optimizer"])
    np.testing.assert_allclose(shown["mean"], values.mean(), rtol=1e-12)
    np.testing.assert_allclose(shown["sd"], values.std(ddof=1), rtol=1e-12)
    assert (shown["n"] == 3).all()


# The report


def test_the_report_is_one_page_with_every_figure_and_table(smoke: Workflow) -> None:
    text = (smoke.folder / "results/smoke/report.html").read_text(encoding="utf-8")
    assert "Report of the suite <b>smoke</b>" in text
    assert set(re.findall(r'<img src="data:[^"]*" alt="(\w+)"', text)) == set(FIGURES)
    assert {"table1", "table2"} <= set(re.findall(r'<div class="table" id="(\w+)"', text))
    assert {"Split digits, smoke", "Rotated digits, smoke"} <= set(re.findall(r"<th>([^<]*)</th>", text))
    loaded = re.findall(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)=["']((?!data:)[^"']+)""", text)
    assert loaded == []


def test_the_report_alone_is_what_its_rule_makes(finished: Workflow) -> None:
    report = finished.folder / "results/smoke/report.html"
    before = report.read_bytes()
    report.unlink()
    finished.make("--cores", "all", "report")
    assert report.read_bytes() == before


# What is made again


def test_a_second_call_has_nothing_to_do(finished: Workflow) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.glob("results/**/*")}
    assert "Nothing to be done" in finished.make("--cores", "all")
    assert {path: path.stat().st_mtime_ns for path in finished.folder.glob("results/**/*")} == before


def test_the_copied_code_is_what_runs(finished: Workflow) -> None:
    shown = finished.run("python", "-c", "import stability_gap; print(stability_gap.__file__)").stdout.strip()
    assert shown == str(finished.folder / "src/stability_gap/__init__.py")


def test_documents_and_touched_files_change_nothing(finished: Workflow) -> None:
    (finished.folder / "docs").mkdir()
    finished.append("docs/protocol.md", "More words.\n")
    finished.append("README.md", "More words.\n")
    finished.append("config.yaml", "# a comment\n")
    finished.configure(lambda values: values["suites"]["digits"]["seeds"].append(99))
    for touched in ("config.yaml", "Snakefile", "workflow/rules/train.smk", "src/stability_gap/experiment/loop.py"):
        (finished.folder / touched).touch()
    assert finished.plan() == []


def test_a_new_eta_of_one_optimizer_trains_that_optimizer(finished: Workflow) -> None:
    finished.configure(lambda values: values["optimizers"]["ngm_sgd"]["gain"].update(eta=0.35))
    plan = finished.plan()
    assert counts(plan) == {"train": 3, **AFTER_TRAINING}
    assert {job["optimizer"] for job in plan if job.rule == "train"} == {"ngm_sgd"}


def test_a_new_eta_of_one_benchmark_trains_its_gain_modulated_cell(finished: Workflow) -> None:
    finished.configure(lambda values: values["benchmarks"]["rotated_digits_smoke"].update(gain_eta=0.1))
    plan = finished.plan()
    assert counts(plan) == {"train": 1, **AFTER_ONE}
    trained = [(job["benchmark"], job["optimizer"]) for job in plan if job.rule == "train"]
    assert trained == [("rotated_digits_smoke", "ngm_sgd")]


def test_a_new_batch_size_of_one_benchmark_trains_that_benchmark(finished: Workflow) -> None:
    finished.configure(lambda values: values["benchmarks"]["split_digits_smoke"].update(batch_size=8))
    plan = finished.plan()
    assert counts(plan) == {"train": 8, **AFTER_ONE}
    concerned = {job["benchmark"] for job in plan if job.rule in ("train", "figure_of_benchmark")}
    assert concerned == {"split_digits_smoke"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("tasks/streams.py", {"dataset": 1, "stream": 2, "train": 12, **AFTER_TRAINING}),
        ("learners/gain.py", {"train": 12, **AFTER_TRAINING}),
        ("experiment/loop.py", {"train": 12, **AFTER_TRAINING}),
        ("analysis/metrics/gap.py", {rule: n for rule, n in AFTER_TRAINING.items() if rule != "figure_of_benchmark"}),
        ("analysis/claims/accuracy.py", {"statistics": 1, "tables": 1, "report": 1}),
        ("presentation/style.py", {"figure_of_benchmark": 4, "figure_of_suite": 2, "report": 1}),
        ("presentation/figures/per_benchmark/zoom.py", {"figure_of_benchmark": 2, "report": 1}),
        ("presentation/figures/per_suite/tradeoff.py", {"figure_of_suite": 1, "report": 1}),
        ("presentation/tables.py", {"tables": 1, "report": 1}),
        ("presentation/report/page.py", {"report": 1}),
        ("presentation/report/template/page.html", {"report": 1}),
        ("cli/train.py", {}),
        ("errors.py", {}),
        ("files.py", {}),
        ("config/checks.py", {}),
    ],
)
def test_new_code_makes_again_what_it_affects(finished: Workflow, module: str, expected: dict[str, int]) -> None:
    finished.append(f"src/stability_gap/{module}", "\n# an edit\n")
    assert counts(finished.plan()) == expected


def test_suites_share_runs(finished: Workflow) -> None:
    part = {"benchmarks": ["split_digits_smoke"], "optimizers": ["sgd", "ngm_sgd"], "seeds": SEEDS}
    finished.configure(lambda values: values["suites"].update(part=part))
    once = AFTER_TRAINING | {"figure_of_benchmark": 2}
    assert counts(finished.plan("--config", "suite=part")) == once
    finished.make("--cores", "all", "results/part/metrics.parquet", "--config", "suite=part")
    assert set(pd.read_parquet(finished.folder / "results/part/metrics.parquet")["optimizer"]) == {"sgd", "ngm_sgd"}
    assert finished.plan("--config", "suite=smoke") == []


@pytest.mark.parametrize(
    ("seeds", "size", "trained"),
    [
        ([42, 43, 50, 51], 2, {"50-51"}),
        ([42, 43, 44, 45, 46, 47], 2, {"45-46", "47"}),  # 42-43 and 44 are there
        ([42, 43, 44, 45], 10, {"45"}),  # blocks of another size
        ([43], 1, set()),  # part of a block
        ([44, 42], 2, set()),
    ],
)
def test_a_seed_list_that_grows_or_shrinks_trains_only_what_is_missing(
    finished: Workflow, seeds: list[int], size: int, trained: set[str]
) -> None:
    def change(values: dict) -> None:
        values["suites"]["smoke"]["seeds"] = seeds
        values["benchmarks"]["split_digits_smoke"]["seeds_per_job"] = size

    finished.configure(change)
    jobs = [job for job in finished.plan() if job.rule == "train"]
    assert {job["seeds"] for job in jobs if job["benchmark"] == "split_digits_smoke"} == trained


def test_fewer_seeds_are_measured_out_of_the_runs_that_are_there(finished: Workflow) -> None:
    before = pd.read_parquet(finished.folder / "results/smoke/metrics.parquet")
    finished.configure(lambda values: values["suites"]["smoke"].update(seeds=[43, 44]))
    finished.make("--cores", "all", "results/smoke/metrics.parquet", "results/smoke/figures/zoom_split_digits_smoke.png")
    after = pd.read_parquet(finished.folder / "results/smoke/metrics.parquet")
    expected = before[before["seed"].isin([43, 44])].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, expected, check_exact=True)


def test_results_survive_a_move_of_the_checkout(smoke: Workflow, tmp_path: Path) -> None:
    assert smoke.duplicate(tmp_path / "elsewhere" / "with another name").plan() == []


# Damaged files in a finished suite


def test_a_damaged_stream_stops_its_training_and_is_named(finished: Workflow) -> None:
    stream = finished.folder / "results/streams/split_digits_smoke/stream.npz"
    stream.write_bytes(stream.read_bytes()[:1000])
    run = "results/runs/split_digits_smoke/sgd/44"
    failed = finished.snakemake("--cores", "all", f"{run}/run.json")
    assert failed.returncode != 0
    message = (finished.folder / "results/logs/train/split_digits_smoke/sgd/44.log").read_text(encoding="utf-8")
    assert "results/streams/split_digits_smoke/stream.npz is damaged" in message
    assert message.strip() in failed.stdout
    assert "Traceback" not in failed.stdout + message
    assert "FAILED  split_digits_smoke sgd, seeds 44 (rule train)" in failed.stdout
    assert "run the same command again" in failed.stdout
    assert "1 failed: split_digits_smoke sgd, seeds 44." in failed.stdout.splitlines()[-1]
    assert len(failed.stdout.splitlines()) < 25
    assert files_below(finished.folder / run) == []


def test_a_run_without_a_column_stops_the_metrics_and_is_named(finished: Workflow) -> None:
    path = finished.folder / "results/runs/split_digits_smoke/sgd/44/evaluations.parquet"
    pd.read_parquet(path).drop(columns="task").to_parquet(path)
    failed = finished.snakemake("--cores", "all", "results/smoke/metrics.parquet")
    assert failed.returncode != 0
    message = (finished.folder / "results/smoke/logs/metrics.log").read_text(encoding="utf-8")
    assert "results/runs/split_digits_smoke/sgd/44/evaluations.parquet lacks" in message
    assert "task" in message
    assert message.strip() in failed.stdout
    assert "Traceback" not in failed.stdout + message
    left = files_below(finished.folder / "results/smoke")
    assert not [name for name in left if "tmp" in name or name == "metrics.parquet"]


# The published artifact


def test_a_suite_is_published_and_its_rebuild_verified(finished: Workflow) -> None:
    finished.make("--cores", "all", "publish")
    published = finished.folder / "paper_figures/smoke"
    manifest = pd.read_json(published / "MANIFEST.json", typ="series")
    assert files_below(published) == sorted([*manifest["files"], *manifest["run_files"], "MANIFEST.json"])
    assert set(manifest["run_files"]) == {
        f"runs/{run}/{name}" for run in RUNS for name in ("evaluations.parquet", "training.parquet", "run.json")
    }
    assert {file for file in DELIVERABLES if "/" in file} <= set(manifest["files"])
    (published / "notes.txt").write_text("mine", encoding="utf-8")
    before = files.digest(published / "MANIFEST.json")
    refused = finished.snakemake("--cores", "all", "publish", "--forcerun", "publish")
    assert refused.returncode != 0
    assert "paper_figures/smoke holds notes.txt, so it is no published suite" in refused.stdout
    assert files.digest(published / "MANIFEST.json") == before
    (published / "notes.txt").unlink()
    finished.make("--cores", "all", "verify")
    verification = finished.folder / "results/smoke/verification.csv"
    found = pd.read_csv(verification)
    assert found["agrees"].all()
    assert set(found.loc[found["kind"] == "file", "name"]) == set(manifest["files"])
    some = finished.folder / "some.yaml"
    some.write_text("suites: {smoke: {seeds: [42]}}\n", encoding="utf-8")
    planned = finished.snakemake("-n", "verify", "--configfile", str(some)).stdout
    assert "metrics: " in planned
    assert "report: " not in planned  # files of other seeds are compared with nothing
    some.write_text("suites: {smoke: {seeds: [7]}}\n", encoding="utf-8")
    refused = finished.snakemake("-n", "verify", "--configfile", str(some))
    assert refused.returncode != 0
    assert "suites.smoke.seeds: 7 is not among the published seeds: 42, 43, 44." in refused.stdout

    metrics = pd.read_parquet(published / "metrics.parquet")
    metrics.assign(value=metrics["value"] + 100).to_parquet(published / "metrics.parquet")
    refused = finished.snakemake("--cores", "all", "verify")
    assert refused.returncode != 0
    assert "means differ from paper_figures/smoke" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert not verification.exists()


def test_published_runs_give_every_number_and_figure_without_training(finished: Workflow, tmp_path: Path) -> None:
    """The commands of docs/reproducing.md, "Without training"."""
    changes = {"figures": ["tradeoff"]}
    finished.configure(lambda values: values["suites"]["smoke"].update(changes))
    finished.make("--cores", "all", "publish")
    published = finished.folder / "paper_figures/smoke"
    manifest = pd.read_json(published / "MANIFEST.json", typ="series")
    fresh = new_workflow(tmp_path / "fresh", suite="smoke")
    fresh.configure(lambda values: values["suites"]["smoke"].update(changes))
    shutil.copytree(published, fresh.folder / "paper_figures/smoke")
    fresh.make("--cores", "all", "--until", "stream")
    assert fresh.run("cp", "-r", "paper_figures/smoke/runs", "results/").returncode == 0  # times of now, later than the stream's
    assert "train" not in counts(fresh.plan())
    other = fresh.folder / "other.yaml"
    other.write_text("optimizers: {sgd: {learning_rate: 0.5}}\n", encoding="utf-8")
    refused = fresh.snakemake("--cores", "all", "--configfile", str(other))
    assert refused.returncode != 0
    assert "_digits_smoke/" in refused.stdout
    assert " was trained with other settings than the configuration" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert not (fresh.folder / "results/smoke/metrics.parquet").exists()
    fresh.make("--cores", "all")
    assert {name: files.digest(fresh.folder / "results/smoke" / name) for name in manifest["files"]} == manifest["files"]
