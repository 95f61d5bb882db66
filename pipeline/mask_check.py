"""Whether the masks in a run's folder are whole, and those that its journal speaks of. Free of torch."""

import hashlib
import logging
from collections import Counter

from pipeline.mask_reader import mapped_masks
from pipeline.record import noted
from pipeline.spec import Dense, RunSpec
from store.folders import RunFolder

log = logging.getLogger(__name__)


def is_there(run: RunSpec, folder: RunFolder) -> bool:
    """Whether dense weights and the run's folder give the pruned model."""
    if isinstance(run.method, Dense):
        return True
    expected = Counter(row["sha256"] for row in noted(folder, "mask_summary"))
    if not run.method.keeps_weights or not expected or not folder.masks.exists():
        return False
    try:
        found = Counter(hashlib.sha256(mask.bits.data).hexdigest() for mask in mapped_masks(folder.masks).values())
    except ValueError as error:
        log.warning("%s; pruning again", error)
        return False
    return found == expected
