"""What the name of a pruned checkpoint says, where it is named as the paper's are.

The paper's checkpoints on the hub (organisation multilingual-pruning) are named
pruned-MODEL-METHOD-RATIO-TYPE-DATASET-LANGUAGES-SEED. A hub id can hold no colon or plus sign, so that "2:4" and
"de+en" are taken in several spellings.
"""

import re
from typing import Any

NAME = re.compile(
    r"pruned-(?P<model>.+?)-(?P<of>magnitude|wanda|sparsegpt|ria|gptq)-(?P<sparsity>0?\.\d+)"
    r"-(?P<pattern>unstructured|\d+(?::|of|to|[-_])\d+)-(?P<source>[a-z].*?)"
    r"-(?P<calibration>[a-z]{2}(?:[-_+.][a-z]{2})*)-(?P<seed>\d+)",
    re.IGNORECASE,
)


def named(path: str) -> dict[str, Any]:
    """The fields of a Checkpoint that the last part of its path tells; empty for a name of another kind."""
    found = NAME.fullmatch(path.rpartition("/")[2].partition("@")[0])
    if found is None:
        return {}
    said = {key: text.lower() for key, text in found.groupdict().items() if key != "model"}
    return {
        **said,
        "sparsity": float(said["sparsity"]),
        "pattern": re.sub(r"(\d+)\D+(\d+)", r"\1:\2", said["pattern"]),
        "calibration": re.sub(r"[-_.]", "+", said["calibration"]),
        "seed": int(said["seed"]),
    }
