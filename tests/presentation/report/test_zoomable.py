import dataclasses
import json
import re

from bokeh.models import ColumnDataSource

from stability_gap.presentation.report import zoomable


def test_windows_are_the_switches(small, looks):
    curves = zoomable.zoomable_curves(small.runs("split_digits"), looks)
    assert curves.windows == {"whole stream": (1.0, 60.0), "switch to task 2": (20.0, 60.0)}
    assert list(curves.lines) == ["sgd", "msgd", "adam", "ngm_sgd"]
    assert curves.lines["ngm_sgd"].dashes == []
    assert len({tuple(line.dashes) for line in curves.lines.values()}) == 4
    assert not curves.thinned


def test_same_json_from_two_calls_and_rows_in_any_order(small, looks):
    runs = small.runs("split_digits")
    mixed = dataclasses.replace(runs, evaluations=runs.evaluations.sample(frac=1, random_state=1))
    first, again, other = (zoomable.zoomable_curves(each, looks).item for each in (runs, runs, mixed))
    assert first == again == other


def test_ids_count_from_one_and_all_are_defined(small, looks):
    text = zoomable.zoomable_curves(small.runs("split_digits"), looks).item
    ids = set(re.findall(r'"id":"([^"]+)"', text))
    assert ids == {f"m{number}" for number in range(1, len(ids) + 1)}
    assert json.loads(text)["root_id"] in ids


def test_json_holds_names_that_the_page_asks_for(small, looks):
    text = zoomable.zoomable_curves(small.runs("split_digits"), looks).item
    for panel in ("first", "seen"):
        names = [f"{panel} drag", *(f"{panel} {part} {name}" for part in ("line", "band") for name in ("sgd", "ngm_sgd"))]
        assert all(f'"{name}"' in text for name in names)
    assert '"iterations"' in text


def test_one_seed_has_no_band(small, looks):
    runs = small.runs("split_digits")
    one = dataclasses.replace(runs, evaluations=runs.evaluations[runs.evaluations["seed"] == 42])
    text = zoomable.zoomable_curves(one, looks).item
    assert "band" not in text
    assert "NaN" not in text


def test_bands_end_where_accuracies_do(small, looks):
    runs = small.runs("split_digits")
    apart = runs.evaluations.assign(accuracy=(runs.evaluations["seed"] > 42).astype(float))  # means of 2/3, t intervals of ± 1.4
    drawn = zoomable.plots(dataclasses.replace(runs, evaluations=apart), looks)
    columns = [source.data for source in drawn.select({"type": ColumnDataSource})]
    assert len(columns) == 2
    assert all((data["low sgd"] == 0).all() and (data["high sgd"] == 100).all() for data in columns)


def test_long_streams_are_thinned_and_say_so(small, looks, monkeypatch):
    whole = zoomable.zoomable_curves(small.runs("split_digits"), looks)
    monkeypatch.setattr(zoomable, "_MOST", 20)
    short = zoomable.zoomable_curves(small.runs("split_digits"), looks)
    assert short.thinned
    assert len(short.item) < len(whole.item)


def test_the_script_is_bokeh_itself():
    text = zoomable.script()
    assert "Bokeh" in text[:2000]
    assert "</script" not in text
