"""Which runs' masks are worth comparing with which.

Runs that differ in their seed alone are a group. Compared are: the seeds of a group (kind 'seeds'); groups that
differ in their languages ('languages': their intersections over seeds); runs that differ in their method ('methods')
or in their number of samples ('runs': how a mask drifts); a checkpoint from elsewhere with our runs of the same
method, sparsity, languages and, where it is known, seed ('checkpoints').
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.launch import run_spec
from pipeline.spec import Checkpoint, Coordinates, RunSpec
from store.folders import RunFolder, run_folders


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone, in the order of their seeds."""

    runs: tuple[tuple[RunFolder, RunSpec], ...]

    @property
    def spec(self) -> RunSpec:
        return self.runs[0][1]

    @property
    def id(self) -> str:
        """The run ids: the intersection of their masks."""
        return " & ".join(folder.run_id for folder, _ in self.runs)


@dataclass(frozen=True)
class Comparison:
    """Two groups, or one with itself (b is None), to be compared as `kind`; labels are shown in place of ids."""

    kind: str
    a: Group
    b: Group | None
    label_a: str
    label_b: str

    @property
    def unit(self) -> tuple[str, str, str]:
        """kind, run_a, run_b: what mask_overlap replaces as a whole."""
        return self.kind, self.a.id, "" if self.b is None else self.b.id


def finished(runs: Path) -> list[Group]:
    """Groups of the runs that are done and have masks."""
    found: dict[str, list[tuple[RunFolder, RunSpec]]] = {}
    for folder in run_folders(runs):
        if folder.masks.exists() and folder.state().status == "done":
            spec = run_spec(folder)
            assert spec is not None  # run_folders gives those that have one
            found.setdefault(_without(spec, seed=None), []).append((folder, spec))
    return [Group(tuple(sorted(several, key=lambda one: one[1].coordinates.seed or 0))) for several in found.values()]


def comparisons(groups: Sequence[Group]) -> Iterator[Comparison]:
    """What is compared with what."""
    for group in groups:
        if len(group.runs) > 1:
            yield Comparison("seeds", group, None, label_of(group.spec), "")
    yield from _differing(groups, "languages", but_languages, label_of)
    singles = [Group((one,)) for group in groups for one in group.runs]
    yield from _differing(singles, "methods", _but_method, lambda spec: spec.method_label)
    yield from _differing(singles, "runs", _but_samples, _sized)
    yield from _theirs_and_ours(singles)


def _differing(
    groups: Sequence[Group], kind: str, rest: Callable[[RunSpec], str], label: Callable[[RunSpec], str]
) -> Iterator[Comparison]:
    """Every two groups that are equal but for their labels."""
    alike: dict[str, list[Group]] = {}
    for group in groups:
        if group.spec.coordinates.calibration is not None:
            alike.setdefault(rest(group.spec), []).append(group)
    for several in alike.values():
        ordered = sorted(several, key=lambda group: label(group.spec))
        for at, a in enumerate(ordered):
            for b in ordered[at + 1 :]:
                yield Comparison(kind, a, b, label(a.spec), label(b.spec))


def _theirs_and_ours(singles: Sequence[Group]) -> Iterator[Comparison]:
    """Every checkpoint with our runs that it could be the result of."""
    ours: dict[tuple[str, Coordinates], list[Group]] = {}
    for group in singles:
        if not isinstance(group.spec.method, Checkpoint):
            ours.setdefault((group.spec.model, replace(group.spec.coordinates, seed=None)), []).append(group)
    for theirs in singles:
        at = theirs.spec.coordinates
        if not isinstance(theirs.spec.method, Checkpoint) or at.calibration is None:
            continue
        label = f"checkpoint {theirs.spec.method.owner}".rstrip()
        for own in ours.get((theirs.spec.model, replace(at, seed=None)), []):
            if at.seed is None or own.spec.seed == at.seed:
                yield Comparison("checkpoints", own, theirs, _sized(own.spec), label)


def _without(spec: RunSpec, **changes: Any) -> str:
    return json.dumps({**_settings(spec), **changes}, sort_keys=True)


def _settings(spec: RunSpec) -> dict[str, Any]:
    """What was set; of a checkpoint, whose it is and what is known of how it was pruned, in the same places."""
    settings = spec.model_dump(mode="json")
    if not isinstance(spec.method, Checkpoint) or spec.coordinates.calibration is None:
        return settings
    known = spec.method.known.model_dump(mode="json")
    text = {name: known.pop(name) for name in ("source", "samples", "length")}
    text["languages"] = known.pop("calibration")
    known["path"] = spec.method.owner
    return {**settings, "seed": known.pop("seed"), "calibration": text, "method": known}


def but_languages(spec: RunSpec) -> str:
    """Everything that was set but the seed and the languages."""
    return _without(spec, seed=None, calibration={**_settings(spec)["calibration"], "languages": None})


def _but_samples(spec: RunSpec) -> str:
    return _without(spec, calibration={**_settings(spec)["calibration"], "samples": None})


def _but_method(spec: RunSpec) -> str:
    """All but the method, whose masks must remove as many weights in the same pattern."""
    settings = _settings(spec)["method"]
    return _without(spec, method=[settings.get("pattern"), settings.get("sparsity"), settings.get("path")])


def label_of(spec: RunSpec) -> str:
    """The languages of a run's text, or what stands in their place."""
    return spec.coordinates.calibration or spec.coordinates.method


def _sized(spec: RunSpec) -> str:
    """ "de 32x512"."""
    text = _settings(spec)["calibration"]
    return f"{spec.coordinates.calibration} {text['samples']}x{text['length']}"
