"""Analyses across runs: which masks overlap, how much, and how much they would by chance. Never loads torch.

Runs that differ in their seed alone are a group. Compared are: the seeds of a group (kind 'seeds'); groups that
differ in their languages ('languages': their intersections over seeds); runs that differ in their method ('methods')
or in their number of samples ('runs': how a mask drifts). Results go into the journal of the folder runs/analyses,
like a run's, so that the store can be rebuilt from there. What was analysed before is not analysed again.

    python -m pipeline.analyse --store STORE
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars

from pipeline.launch import run_spec
from pipeline.mask_reader import MappedMask, mapped_masks
from pipeline.overlap import Overlap, overlaps
from pipeline.spec import Dense, RunSpec
from store.errors import Busy, StoreError
from store.folders import RunFolder, run_folders
from store.journal import Journal
from store.segments import segments_in

ANALYSES = "analyses"
"""The folder under runs/; it has no spec.json, so it is no run."""


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


def analyse(runs: Path) -> int:
    """Compare the masks of all finished runs under `runs` as far as that is new. Returns how many comparisons.

    Raises Busy where another process analyses, ValueError for a damaged mask file, StoreError where nothing can be
    written.
    """
    wanted = list(comparisons(finished(runs)))
    if not wanted:
        return 0
    folder = RunFolder.at(runs, ANALYSES)
    with folder.lock():
        known = _known(folder)
        new = [comparison for comparison in wanted if comparison.unit not in known]
        journal = Journal(folder, 1)
        for model in dict.fromkeys(comparison.a.spec.model for comparison in new):
            rows = list(_rows([comparison for comparison in new if comparison.a.spec.model == model]))
            if rows:
                journal.write("mask_overlap", rows)
    return len(new)


def finished(runs: Path) -> list[Group]:
    """Groups of the runs that are done and have masks."""
    found: dict[str, list[tuple[RunFolder, RunSpec]]] = {}
    for folder in run_folders(runs):
        if folder.masks.exists() and folder.state().status == "done":
            spec = run_spec(folder)
            assert spec is not None  # run_folders gives those that have one
            found.setdefault(_without(spec, seed=None), []).append((folder, spec))
    return [Group(tuple(sorted(several, key=lambda one: one[1].seed or 0))) for several in found.values()]


def comparisons(groups: Sequence[Group]) -> Iterator[Comparison]:
    """What is compared with what."""
    for group in groups:
        if len(group.runs) > 1:
            yield Comparison("seeds", group, None, _calibration(group.spec), "")
    yield from _differing(groups, "languages", _but_languages, _calibration)
    singles = [Group((one,)) for group in groups for one in group.runs]
    yield from _differing(singles, "methods", _but_method, lambda spec: spec.method_label)
    yield from _differing(singles, "runs", _but_samples, _sized)


def _differing(
    groups: Sequence[Group], kind: str, rest: Callable[[RunSpec], str], label: Callable[[RunSpec], str]
) -> Iterator[Comparison]:
    """Every two groups that are equal but for their labels."""
    alike: dict[str, list[Group]] = {}
    for group in groups:
        if group.spec.calibration is not None:
            alike.setdefault(rest(group.spec), []).append(group)
    for several in alike.values():
        ordered = sorted(several, key=lambda group: label(group.spec))
        for at, a in enumerate(ordered):
            for b in ordered[at + 1 :]:
                yield Comparison(kind, a, b, label(a.spec), label(b.spec))


def _rows(wanted: Sequence[Comparison]) -> Iterator[dict[str, Any]]:
    """Rows of mask_overlap, linear by linear, so that every bit is read once."""
    groups = {group.id: group for one in wanted for group in (one.a, one.b) if group is not None}
    folders = {folder.run_id: folder for group in groups.values() for folder, _ in group.runs}
    masks = {run_id: mapped_masks(folder.masks) for run_id, folder in folders.items()}
    pairs = [(one.a.id, one.b.id) for one in wanted if one.b is not None]
    for name in dict.fromkeys(name for own in masks.values() for name in own):
        bits = {key: found for key, group in groups.items() if (found := _bits(group, masks, name)) is not None}
        here = [(a, b) for a, b in pairs if a in bits and b in bits]
        shapes = {own[name].shape for own in masks.values() if name in own}
        if len(shapes) > 1:
            raise ValueError(f"{name} has masks of several shapes: {', '.join(map(str, sorted(shapes)))}")
        rows, columns = shapes.pop()
        within, across = overlaps(bits, here, rows * columns)
        for one in wanted:
            overlap = within.get(one.a.id) if one.b is None else across.get((one.a.id, one.b.id))
            if overlap is not None:
                yield _row(one, name, overlap)


def _bits(group: Group, masks: Mapping[str, Mapping[str, MappedMask]], name: str) -> list[Any] | None:
    """The masks of a linear; None where one of the runs left it dense."""
    own = [masks[folder.run_id].get(name) for folder, _ in group.runs]
    return None if any(mask is None for mask in own) else [mask.bits for mask in own if mask is not None]


def _row(one: Comparison, name: str, overlap: Overlap) -> dict[str, Any]:
    block, linear = _place(name)
    methods = dict.fromkeys((one.a.spec.method.name, (one.b or one.a).spec.method.name))
    return {
        "kind": one.kind,
        "run_a": one.a.id,
        "run_b": "" if one.b is None else one.b.id,
        "label_a": one.label_a,
        "label_b": one.label_b,
        "model": one.a.spec.model_name,
        "method": "/".join(methods),
        "block": block,
        "linear": linear,
        "n_intersection": overlap.n_intersection,
        "n_union": overlap.n_union,
        "chance": overlap.chance,
    }


def _place(name: str) -> tuple[int, str]:
    """Block and linear of "model.layers.3.mlp.up_proj": the first number is the block's."""
    parts = name.split(".")
    at = next(place for place, part in enumerate(parts) if part.isdigit())
    return int(parts[at]), ".".join(parts[at + 1 :])


def _without(spec: RunSpec, **changes: Any) -> str:
    return json.dumps({**spec.model_dump(mode="json"), **changes}, sort_keys=True)


def _but_languages(spec: RunSpec) -> str:
    return _without(spec, seed=None, calibration=_calibration_but(spec, "languages"))


def _but_samples(spec: RunSpec) -> str:
    return _without(spec, calibration=_calibration_but(spec, "samples"))


def _but_method(spec: RunSpec) -> str:
    """All but the method, whose masks must remove as many weights in the same pattern."""
    settings = spec.method.model_dump(mode="json")
    return _without(spec, method=[settings.get("pattern"), settings.get("sparsity")])


def _calibration_but(spec: RunSpec, name: str) -> dict[str, Any]:
    assert spec.calibration is not None
    return {**spec.calibration.model_dump(mode="json"), name: None}


def _calibration(spec: RunSpec) -> str:
    return spec.calibration.label if spec.calibration else "" if isinstance(spec.method, Dense) else spec.method.name


def _sized(spec: RunSpec) -> str:
    """ "de 32x512"."""
    assert spec.calibration is not None
    return f"{spec.calibration.label} {spec.calibration.samples}x{spec.calibration.length}"


def _known(folder: RunFolder) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for segment in segments_in(folder.journal):
        if segment.table == "mask_overlap":
            data = polars.read_parquet(segment.path)
            for name in {"run_b"} - set(data.columns):  # a column without any value is left out of a segment
                data = data.with_columns(polars.lit("").alias(name))
            found.update(data.select("kind", "run_a", "run_b").unique().iter_rows())
    return found


def main(arguments: Sequence[str]) -> int:
    """The command: analyse, then move the results into the store."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.analyse", description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("results.duckdb"))
    store = parser.parse_args(arguments).store
    try:
        n_new = analyse(store.parent / "runs")
    except (Busy, StoreError, ValueError) as error:
        print(f"calib-explorer: {error}", file=sys.stderr)
        return 2
    if n_new:
        from store.ingest import ingest

        ingest(store, store.parent / "runs", wait_s=1.0)
    print(f"{n_new} new comparisons of masks" if n_new else "no masks to compare that were not compared before")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
