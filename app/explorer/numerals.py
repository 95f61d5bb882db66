"""How a number is written: by its quantity, in as few signs as keep its meaning."""

import math

_DECIMALS = {"acc": 1, "f1": 1, "snr": 1, "iou": 3, "bits_per_byte": 3}
"""Quantities on a fixed scale keep their decimals; the others keep three significant digits."""

_NAMES = {
    "bits_per_byte": "bits/byte",
    "snr": "SNR",
    "pruning_error": "pruning error",
    "acc": "accuracy",
    "f1": "F1",
    "iou": "mask IoU",
}
_TASKS = {
    "arc": "ARC",
    "arc_easy": "ARC easy",
    "arc_challenge": "ARC challenge",
    "belebele": "Belebele",
    "mmlu": "MMLU",
    "hellaswag": "HellaSwag",
    "mkqa": "MKQA",
}
_UNITS = {"ppl": "", "1e-6": "×10⁻⁶", "1": ""}


def quantity_name(quantity: str, task: str = "") -> str:
    """The quantity as people say it: "perplexity", "SNR", "ARC accuracy"."""
    name = _NAMES.get(quantity, quantity.replace("_", " "))
    return f"{_TASKS.get(task, task)} {name}" if task else name


_BESIDE = {"acc_norm": "norm", "exact_match": "exact"}
"""Second metrics of a task, which must not go by the first one's name."""


_SHORT = {
    "pruning_error": "error",
    "pruning_error_without_first": "err. w/o 1",
    "snr_without_first": "SNR w/o 1",
    "hidden_difference": "hidden Δ",
    "hidden_difference_without_first": "hid. Δ w/o",
    "agnostic_difference": "agnostic Δ",
    "specific_difference": "specific Δ",
    "activation_probability": "P(active)",
    "mean_activation": "mean act.",
    "never_active": "never act.",
    "lape": "LAPE",
    "weight_error": "weight err",
    "output_error": "output err",
    "removed_among_smallest": "of small",
}
"""Names of at most ten signs, all different. w/o 1: without the first position of each window."""


def short_name(quantity: str, task: str = "") -> str:
    """The quantity in at most ten signs, for lists."""
    if task:
        task = {"arc_easy": "ARC easy", "arc_challenge": "ARC chall."}.get(task, task)
        name, beside = _TASKS.get(task, task), _BESIDE.get(quantity)
        return f"{name[: 9 - len(beside)].rstrip()} {beside}" if beside else name[:10]
    return _SHORT.get(quantity, quantity_name(quantity))[:10]


def unit_sign(unit: str) -> str:
    """The unit as it stands behind a number."""
    return _UNITS.get(unit, unit)


def number(value: float | None, quantity: str, signed: bool = False) -> str:
    """`value` in at most five signs (six when signed): "13.3", "177", "2293", "41.8k", "∞", "–" for no number.

    A value given to one decimal, as the paper prints "9.4", gets no second one.
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "-∞" if value < 0 else "∞"
    value = float(f"{value:.9g}")  # 17.6 - 15.0 is 2.6
    sign = "-" if value < 0 else "+" if signed else ""
    return _drop_zero_sign(sign + _magnitude(abs(value), _DECIMALS.get(quantity)))


def _drop_zero_sign(text: str) -> str:
    return text.lstrip("+-") if not text.strip("+-0.") else text


def _magnitude(value: float, decimals: int | None) -> str:
    if decimals is not None and value < 1000:
        return f"{value:.{decimals}f}"
    if value < 9999.5:
        text = f"{value:.{_decimals(value)}f}"
        return text[:-1] if text.endswith("0") and float(text) == value and value < 10 else text
    for factor, letter in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if value < 999.5 * factor:
            return f"{value / factor:.{_decimals(value / factor)}f}{letter}"
    return f"{value:.0e}".replace("e+", "e")


def _decimals(value: float) -> int:
    """Decimals that make three significant digits, two at most."""
    return 2 if value < 9.995 else 1 if value < 99.95 else 0


def deviation(sd: float | None, quantity: str) -> str:
    """A standard deviation as "±.2", "±1.4"; empty where there is none."""
    if sd is None or math.isnan(sd) or math.isinf(sd):
        return ""
    digits = 3 if quantity in ("bits_per_byte", "iou") else 1 if sd >= 0.095 else 2
    text = f"{sd:.0f}" if sd >= 9.95 else f"{sd:.{digits}f}"
    return "±" + (text[1:] if text.startswith("0.") else text)
