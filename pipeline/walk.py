"""One walk through the blocks for all measures of a text."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from pipeline.lockstep import LockStep
from pipeline.measures import Observer, Step


def walk(lockstep: LockStep, observers: Sequence[Observer]) -> Iterator[Step]:
    """Show the observers every block's batches, then the logits that they want. Steps tell how far it is."""
    n_blocks = len(lockstep.paths)
    variants = [name for name in lockstep.streams if any(observer.logits_of == name for observer in observers)]
    tail = lockstep.head_share(len(variants))
    for index, (_, block) in enumerate(lockstep):
        yield Step((1 - tail) * index / n_blocks, f"block {index + 1} of {n_blocks}")
        with ExitStack() as watching:
            for observer in observers:
                watching.enter_context(observer.watch(lockstep, index, block))
            for rows, outputs in lockstep.advance():
                for observer in observers:
                    observer.see(index, rows, outputs)
    for place, name in enumerate(variants):
        readers = [observer for observer in observers if observer.logits_of == name]
        for share, part in lockstep.logits(name):
            for reader in readers:
                reader.predict(part)
            yield Step(1 - tail + tail * (place + share) / len(variants), "likelihoods")
