import html
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stability_gap.errors import UserError

MOST_BYTES = 3_000_000


def test_everything_is_there_in_order(page):
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "What is reproduced",
        "Accuracy over the stream",
        "Tables",
        "Figures",
        "Evidence",
        "Protocol",
        "Environment and digests",
    ]
    assert page.index("<img") < page.index('id="curves"'), "the main figure comes first"
    assert "n&nbsp;=&nbsp;3 seeds, 1 diverged" in page
    assert "Adam on Split &lt;MNIST&gt;, seed 43, at update 99" in page
    assert page.count('<img src="data:image/png;base64,') == 6
    assert len(page.encode()) < MOST_BYTES


def test_marks_lead_to_their_evidence(page):
    anchors = re.findall(r'<a href="#(claim-[^"]+)" class="mark', page)
    assert len(anchors) > 10
    reasons = re.findall(r'<dt id="(claim-[^"]+)"><span class="mark ([\w-]+)"', page)
    assert set(anchors) <= {anchor for anchor, _ in reasons}
    assert {anchor for anchor, verdict in reasons if verdict != "not-tested-here"} <= set(anchors)
    assert re.search(r"Not tested here: claims \d+, \d+", page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_nothing_is_asked_from_elsewhere(page):
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""\b(?:src|srcset)=["'](?!data:)|url\(|@import""", markup) == []
    assert re.findall(r"<link\b(?![^>]*href=\"data:)", markup) == []
    assert re.findall(r'href="(http[^"]*)"', markup) == ["https://arxiv.org/abs/2507.14056"]


def test_texts_are_escaped(page):
    assert "Split &lt;MNIST&gt;" in page
    assert "<MNIST>" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "{{" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_no_dates_paths_or_machine_times(page, finished):
    text = html.unescape(page)
    assert str(finished.folder.parent) not in text
    assert re.search(r"\b20[23]\d-\d\d-\d\d\b", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)) is None


def test_same_bytes_whatever_the_order_of_runs_and_hashes(page, finished, tmp_path):
    assert replace(finished, runs=finished.runs[::-1]).page() == page
    code = (
        "import sys, pickle; from pathlib import Path; sys.path[:0] = sys.argv[2:4]\n"
        "Path(sys.argv[1], 'page.html').write_text(pickle.loads(Path(sys.argv[1], 'suite').read_bytes()).page())\n"
    )
    import pickle

    (tmp_path / "suite").write_bytes(pickle.dumps(finished))
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(tmp_path), str(here), str(here.parent)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
    assert (tmp_path / "page.html").read_text() == page


def test_seeds_of_other_suites_are_left_out(finished):
    page = replace(finished, config={**finished.config, "seeds": [42, 44]}).page()
    assert "n&nbsp;=&nbsp;2 seeds, none diverged" in page
    assert "16 runs: 2 benchmarks" in page
    assert "seed 43" not in page


def test_a_run_without_names_is_told(finished, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"run\.json names no benchmark, optimizer and seeds"):
        replace(finished, runs=[tmp_path]).page()


def test_a_suite_that_is_not_finished_is_told(finished, tmp_path):
    with pytest.raises(UserError, match=r"claims\.csv does not exist; run the step"):
        replace(finished, folder=tmp_path).page()


def test_a_configuration_of_something_else_is_told(finished):
    with pytest.raises(UserError, match="--config: give the resolved configuration"):
        replace(finished, config={}).page()
