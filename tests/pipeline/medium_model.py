"""A model that is large enough to be seen in the memory of a process."""

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import tiny_grid
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.bench import Bench

MIB = 2**20


def on_a_bench(folder: Path) -> Bench:
    """`folder`/model, of 151 MB: 8 blocks of 17 MB, and as much beside them. Its scratch is in `folder`/scratch."""
    tiny_grid.write_model(folder / "model")
    config = LlamaConfig(
        vocab_size=4096, hidden_size=512, intermediate_size=2048, num_hidden_layers=8, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    (folder / "scratch").mkdir()
    bench = Bench(folder=folder / "scratch")
    bench.take(str(folder / "model"), "auto")
    return bench


def anonymous() -> int:
    """Bytes of this process that are no mapped file. What glibc keeps of freed memory depends on the tests before."""
    gc.collect()
    return _anonymous()


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """The most anonymous bytes in use beyond those at the beginning, looked at every few milliseconds."""
    before, most, over = anonymous(), [0], threading.Event()

    def look() -> None:
        while not over.wait(0.003):
            most[0] = max(most[0], _anonymous() - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def _anonymous() -> int:
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024
