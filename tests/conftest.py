"""For every test: one thread, no network, and jaxtyping's shapes checked by beartype in all of pipeline."""

import os

os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

from jaxtyping import install_import_hook

install_import_hook("pipeline", "beartype.beartype")
