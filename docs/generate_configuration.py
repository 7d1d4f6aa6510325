"""Write the tables of docs/configuration.md from the settings models; what stands above the marker is written by hand.

python docs/generate_configuration.py           writes the file
python docs/generate_configuration.py --check   writes nothing, exits 1 where the file is out of date
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from generated_page import call

from stability_gap.config import Config

PAGE = Path(__file__).with_name("configuration.md")
MARKER = "<!-- Everything below is written by docs/generate_configuration.py. -->"

# Heading and intro of every block of config.yaml, with the models that describe it.
SECTIONS: list[tuple[str, str, list[str]]] = [
    ("Top level", "", ["Config"]),
    ("`analysis`", "", ["AnalysisSettings"]),
    ("`tables.{id}`", "The id names the table's files. [Protocol](protocol.md) §5 lists the metrics.", ["TableSettings"]),
    ("`extensions`", "", ["Extensions"]),
    (
        "`datasets.{id}`",
        "`source` decides which of these keys a data set has.",
        ["DigitsSettings", "TorchvisionSettings", "NpzSettings", "ImageFolderSettings"],
    ),
    ("`datasets.{id}.npz`", "", ["NpzArrays"]),
    ("`datasets.{id}.holdout`", "", ["Holdout"]),
    ("`benchmarks.{id}`", "", ["Benchmark"]),
    (
        "`benchmarks.{id}.stream`",
        "`kind` decides which of these keys a stream has.",
        ["SplitStream", "RotatedStream", "PermutedStream", "HomogeneousStream", "SuperclassStream", "CumulativeClassesStream"],
    ),
    (
        "`benchmarks.{id}.sampling`",
        "`kind` decides which of these keys it has.",
        ["JointSampling", "StillSampling", "ReplaySampling"],
    ),
    ("`benchmarks.{id}.model`", "`kind` decides which of these keys a model has.", ["MLPSettings", "SlimResNet18Settings"]),
    ("`benchmarks.{id}.augmentation`", "", ["AugmentationSettings"]),
    ("`benchmarks.{id}.evaluation`", "", ["EvaluationSettings"]),
    (
        "`optimizers.{id}`",
        "`method` decides which of these keys an optimizer has.",
        ["SGDSettings", "AdamSettings", "FastSlowSettings", "ImportedSettings"],
    ),
    (
        "`optimizers.{id}.learning_rate`",
        "A number, or a block in which `kind` decides which of these keys it has.",
        ["LinearRate", "RunRate", "EntropyRate", "RewarmRate"],
    ),
    ("`optimizers.{id}.gain`", "", ["GainSettings"]),
    ("`optimizers.{id}.average`", "", ["AverageSettings"]),
    ("`optimizers.{id}.proximal`", "", ["ProximalSettings"]),
    ("`sweeps.{id}`", "`kind` decides which of these keys a sweep has.", ["RateSweep", "TuningSweep"]),
    ("`suites.{id}`", "", ["Suite"]),
]

_METHODS = ("SGDSettings", "AdamSettings", "FastSlowSettings", "ImportedSettings")

# Unit of every number, by model and key; "–" is a pure number.
UNITS = {
    "Config.threads": "threads",
    "AnalysisSettings.resamples": "resamples",
    "AnalysisSettings.random_seed": "–",
    "AnalysisSettings.alpha": "probability",
    "AnalysisSettings.accuracy_margin": "accuracy, fraction",
    "AnalysisSettings.gap_margin": "gap, fraction",
    "AnalysisSettings.slope_margin": "gain per task",
    "AnalysisSettings.burst_margin": "gain",
    "AnalysisSettings.accuracy_agreement": "fraction of theirs",
    "AnalysisSettings.gap_agreement": "fraction of theirs",
    "AnalysisSettings.gain_agreement": "fraction of theirs",
    "DigitsSettings.test_fraction": "fraction",
    "DigitsSettings.split_seed": "–",
    "TorchvisionSettings.mean": "pixel / 255",
    "TorchvisionSettings.std": "pixel / 255",
    "NpzSettings.classes": "classes",
    "NpzSettings.mean": "pixel / 255",
    "NpzSettings.std": "pixel / 255",
    "ImageFolderSettings.classes": "classes",
    "ImageFolderSettings.train_per_class": "images",
    "ImageFolderSettings.test_per_class": "images",
    "ImageFolderSettings.size": "pixels",
    "ImageFolderSettings.mean": "pixel / 255",
    "ImageFolderSettings.std": "pixel / 255",
    "SplitStream.classes_per_task": "classes",
    "RotatedStream.angles": "degrees",
    "PermutedStream.permutations": "permutations",
    "PermutedStream.permutation_seed": "–",
    "SuperclassStream.tasks": "tasks",
    "CumulativeClassesStream.classes": "classes",
    "Benchmark.iterations": "updates",
    "Benchmark.batch_size": "images",
    "Benchmark.gain_eta": "gain per nat",
    "Benchmark.seeds_per_job": "seeds",
    "MLPSettings.hidden": "units",
    "SlimResNet18Settings.filters": "channels",
    "AugmentationSettings.padding": "pixels",
    "EvaluationSettings.every": "updates",
    "EvaluationSettings.dense": "updates",
    "EvaluationSettings.images_per_task": "images",
    "SGDSettings.learning_rate": "–",
    "SGDSettings.momentum": "–",
    "SGDSettings.backbone_momentum": "–",
    "AdamSettings.learning_rate": "–",
    "ImportedSettings.learning_rate": "–",
    "LinearRate.start": "–",
    "LinearRate.end": "–",
    "RunRate.gain_power": "–",
    "GainSettings.g0": "gain",
    "GainSettings.gamma": "per update",
    "GainSettings.eta": "gain per nat",
    "Holdout.fraction": "fraction",
    "Holdout.seed": "–",
    "HomogeneousStream.tasks": "tasks",
    "HomogeneousStream.split_seed": "–",
    "JointSampling.blur": "updates",
    "ReplaySampling.images": "images",
    "EvaluationSettings.middle": "updates",
    "AdamSettings.beta2": "per update",
    "FastSlowSettings.learning_rate": "–",
    "FastSlowSettings.fast_rate": "–",
    "FastSlowSettings.fast_decay": "per update",
    "EntropyRate.base": "–",
    "EntropyRate.gain_power": "–",
    "EntropyRate.g0": "gain",
    "EntropyRate.gamma": "per update",
    "EntropyRate.eta": "gain per nat",
    "RewarmRate.base": "–",
    "RewarmRate.fraction": "fraction",
    "RewarmRate.updates": "updates",
    "AverageSettings.decay": "per update",
    "ProximalSettings.omega": "–",
    "ProximalSettings.every": "updates",
    "ProximalSettings.images": "images",
    "RateSweep.learning_rate": "–",
    "TuningSweep.budget": "configurations",
    "TuningSweep.seed": "–",
    "TuningSweep.seeds": "–",
    "Suite.seeds": "–",
    # the same of every method
    **{f"{method}.neuronal_decay": "–" for method in _METHODS},
    **{f"{method}.ramp": "updates" for method in _METHODS},
}

# What a text looks like, by a part of its pattern.
FORMS = {":": "text of the form module:Class", "^#": "text of the form #RRGGBB", "./-": "path without spaces"}


def render(models: dict[str, Any]) -> str:
    """The generated part of the page. Errors: ValueError where a model has no section or a number no unit, or the reverse."""
    shown = [name for _, _, names in SECTIONS for name in names]
    if sorted(shown) != sorted(models):
        raise ValueError(f"SECTIONS and the settings models differ in {sorted(set(shown) ^ set(models))}")
    numbers = {f"{name}.{key}" for name in models for key, field in models[name]["properties"].items() if _is_number(field)}
    if numbers != set(UNITS):
        raise ValueError(f"UNITS and the numbers of the settings models differ in {sorted(numbers ^ set(UNITS))}")
    lines = [MARKER, ""]
    for heading, intro, names in SECTIONS:
        lines += [f"## {heading}", ""]
        lines += [intro, ""] if intro else []
        for name in names:
            variant = _variant(models[name])
            about = models[name].get("description", "").replace("PROTOCOL §", "[protocol](protocol.md) §")
            lines += [f"### {variant}" if len(names) > 1 else about, ""]
            lines += [about, ""] if len(names) > 1 else []
            lines += _table(name, models[name])
    return "\n".join(lines).rstrip() + "\n"


def schemas() -> dict[str, Any]:
    """JSON schema of each settings model by its name."""
    schema = Config.model_json_schema()
    models: dict[str, Any] = schema.pop("$defs")
    return {"Config": schema, **models}


def page(old: str) -> str:
    """The whole page: the hand-written head of `old` and fresh tables. Errors: ValueError where `old` lacks the marker."""
    head, marker, _ = old.partition(MARKER)
    if not marker:
        raise ValueError(f"{PAGE} lacks the line {MARKER!r}, below which tables are written")
    return head + render(schemas())


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_configuration", __doc__, arguments)


def _table(name: str, model: dict[str, Any]) -> list[str]:
    lines = ["| key | type | default | unit | description |", "|---|---|---|---|---|"]
    # What decides between models stands first, also where a model inherits its other keys.
    for key, field in sorted(model["properties"].items(), key=lambda item: "const" not in item[1]):
        required = key in model.get("required", [])
        default = "required" if required else _default(field["default"])
        cells = [f"`{key}`", _type(field), default, UNITS.get(f"{name}.{key}", ""), _description(key, field)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def _variant(model: dict[str, Any]) -> str:
    """Such as `kind: split`, for one of several models that a key chooses between."""
    return next((f"`{key}: {field['const']}`" for key, field in model["properties"].items() if "const" in field), "")


def _description(key: str, field: dict[str, Any]) -> str:
    if "const" in field:
        return f"always `{field['const']}` here"
    text: str = field.get("description") or (f"see `{key}` below" if _is_block(field) else "")
    text = text.rstrip(".")
    return text[0].lower() + text[1:] if re.match("[A-Z][a-z ]", text) else text


def _default(value: Any) -> str:
    if value is None:
        return "left out"
    if isinstance(value, dict) and value:
        return "its defaults"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _is_block(field: dict[str, Any]) -> bool:
    return "$ref" in field or "oneOf" in field or "additionalProperties" in field


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        kinds = [_type(part) for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if "oneOf" in field and any("type" in part for part in field["oneOf"]):
        return " or ".join(dict.fromkeys(_type(part) for part in field["oneOf"]))
    if _is_block(field):
        inside = field.get("additionalProperties")
        if isinstance(inside, dict) and "anyOf" in inside:
            return f"block of {_type(inside)}"
        return "blocks by id" if inside else "block"
    match field["type"]:
        case "array":
            least = f", at least {field['minItems']}" if field.get("minItems") else ""
            items = re.sub(r"\b(number|integer)\b", r"\1s", _type(field["items"]))
            return f"list of {items}{least}"
        case "string":
            pattern = field.get("pattern", "")
            return next((form for mark, form in FORMS.items() if mark in pattern), "text")
        case "boolean":
            return "true or false"
        case kind:
            return str(kind) + _range(field)


def _range(field: dict[str, Any]) -> str:
    """Such as ' > 0' or ' in [0, 1)'."""
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum", field.get("exclusiveMaximum"))
    if low is None:
        return ""
    if high is None:
        return f" ≥ {low:g}" if "minimum" in field else f" > {low:g}"
    left, right = "[" if "minimum" in field else "(", "]" if "maximum" in field else ")"
    return f" in {left}{low:g}, {_number(high)}{right}"


def _number(value: float) -> str:
    """Such as '0.5', '16384', '1,000,000' or '2^31'."""
    if not isinstance(value, int) or value < 2**15:
        return f"{value:g}"
    return f"2^{value.bit_length() - 1}" if value.bit_count() == 1 else f"{value:,}"


def _is_number(field: dict[str, Any]) -> bool:
    parts = [*field.get("anyOf", field.get("oneOf", [field])), field.get("items", {})]
    return any(part.get("type") in ("integer", "number") for part in parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
