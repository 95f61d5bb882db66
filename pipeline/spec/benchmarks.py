"""The paper's downstream tasks: their languages, their names in lm-eval and in the store.

Okapi has no Swahili and lm-eval no Chinese HellaSwag: 7 + 7 + 6 + 5 accuracy columns, and 6 of MKQA.
"""

from dataclasses import dataclass

from pipeline.spec.languages import LANGUAGES

LM_EVAL = "0.4.13"
"""The version whose prompts and scores we take; another one's numbers are not comparable."""


@dataclass(frozen=True)
class Column:
    """One column of the paper's tables. task: as in the store ("arc_easy"); source: as in lm-eval ("arc_de")."""

    task: str
    source: str


Columns = dict[str, tuple[Column, ...]]
"""By language."""

ARC: Columns = {
    "ar": (Column("arc", "arc_ar"),),
    "de": (Column("arc", "arc_de"),),
    "en": (Column("arc_easy", "arc_easy"), Column("arc_challenge", "arc_challenge")),
    "es": (Column("arc", "arc_es"),),
    "ru": (Column("arc", "arc_ru"),),
    "zh": (Column("arc", "arc_zh"),),
}
BELEBELE: Columns = {
    code: (Column("belebele", f"belebele_{language.flores}"),) for code, language in LANGUAGES.items()
}
MMLU: Columns = {
    code: (Column("mmlu", "mmlu" if code == "en" else f"m_mmlu_{code}"),) for code in LANGUAGES if code != "sw"
}
HELLASWAG: Columns = {
    code: (Column("hellaswag", "hellaswag" if code == "en" else f"hellaswag_{code}"),)
    for code in ("ar", "de", "en", "es", "ru")
}
BENCHMARKS: dict[str, Columns] = {
    "arc": ARC, "belebele": BELEBELE, "mmlu": MMLU, "hellaswag": HELLASWAG,
}  # fmt: skip
"""lm-eval's, by our name and language."""

MKQA_LANGUAGES = ("ar", "de", "en", "es", "ru", "zh")
OURS = {"mkqa": MKQA_LANGUAGES, "reading": tuple(LANGUAGES)}
"""Tasks of our own."""

SIZES = {"arc": 1170, "belebele": 900, "mmlu": 13000, "hellaswag": 9500, "mkqa": 6758, "reading": 24}
"""Items in a language, nearly: what a measurement will cost is estimated from them."""


def languages_of(name: str) -> tuple[str, ...] | None:
    """The languages that a task of that name has; None for one that is neither ours nor the paper's."""
    return tuple(BENCHMARKS[name]) if name in BENCHMARKS else OURS.get(name)
