"""For every test: one thread, no network, torch's own products, so that results can be compared with those of plain
code on any processor, and the shapes in the signatures of tensor code checked by beartype."""

import os
from pathlib import Path

os.environ.update(
    OMP_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    CALIB_EXPLORER_PRODUCTS="float32",
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
)

from jaxtyping import install_import_hook

ROOT = Path(__file__).parent.parent


def tensor_modules() -> list[str]:
    """Modules of the pipeline that use jaxtyping: the others have no shapes to check."""
    files = [file for file in (ROOT / "pipeline").rglob("*.py") if "from jaxtyping import" in file.read_text()]
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


install_import_hook(tensor_modules(), "beartype.beartype")
