"""The languages of the paper and their codes in the corpora and benchmarks we read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """One language: ISO 639-1 code, English name, and its configuration names elsewhere."""

    code: str
    name: str
    mc4: str
    fineweb2: str | None
    flores: str


LANGUAGES = {
    language.code: language
    for language in (
        Language("ar", "Arabic", "ar", "arb_Arab", "arb_Arab"),
        Language("de", "German", "de", "deu_Latn", "deu_Latn"),
        Language("en", "English", "en-multi", None, "eng_Latn"),
        Language("es", "Spanish", "es", "spa_Latn", "spa_Latn"),
        Language("ru", "Russian", "ru", "rus_Cyrl", "rus_Cyrl"),
        Language("sw", "Swahili", "sw", "swh_Latn", "swh_Latn"),
        Language("zh", "Chinese", "zh", "cmn_Hani", "zho_Hans"),
    )
}
"""By code, in the paper's order. fineweb-2 has no English; HuggingFaceFW/fineweb stands in for it."""
