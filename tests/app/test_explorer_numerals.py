"""Numbers as they stand in cells."""

import math

import pytest

from app.explorer.numerals import deviation, number, quantity_name, short_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (13.34, "13.3"),
        (176.9, "177"),
        (2293.4, "2293"),
        (9.43, "9.43"),
        (9.4, "9.4"),
        (99.96, "100"),
        (9.996, "10.0"),
        (41_800.0, "41.8k"),
        (1.2e6, "1.20M"),
        (math.inf, "∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_perplexity_keeps_three_digits(value: float | None, text: str) -> None:
    assert number(value, "perplexity") == text


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        ("acc", 71.42, "71.4"),
        ("snr", 8.14, "8.1"),
        ("iou", 0.7512, "0.751"),
        ("bits_per_byte", 0.9134, "0.913"),
        ("f1", 0.04, "0.0"),
        ("pruning_error", 1049.4, "1049"),
    ],
)
def test_quantities_on_a_scale_keep_their_decimals(quantity: str, value: float, text: str) -> None:
    assert number(value, quantity) == text


def test_differences_have_a_sign_and_no_false_digits() -> None:
    assert number(17.6 - 15.0, "perplexity", signed=True) == "+2.6"
    assert number(-0.31, "perplexity", signed=True) == "-0.31"
    assert number(0.0, "perplexity", signed=True) == "0.0"
    assert number(-0.004, "acc", signed=True) == "0.0"


def test_no_number_takes_more_than_six_signs() -> None:
    values = [
        sign * 10.0**power * digit for sign in (-1, 1) for power in range(-6, 12) for digit in (1, 4.567, 9.9999)
    ]
    assert max(len(number(value, "perplexity", signed=True)) for value in values) <= 6


def test_deviations_are_short() -> None:
    assert [deviation(sd, "perplexity") for sd in (0.2, 1.42, 0.04, 14.0, None)] == ["±.2", "±1.4", "±.04", "±14", ""]


def test_names_are_those_people_use() -> None:
    assert quantity_name("acc", "belebele") == "Belebele accuracy"
    assert quantity_name("pruning_error") == "pruning error"
    assert short_name("acc", "arc_challenge") == "ARC chall."
    assert short_name("acc_norm", "arc_challenge") == "ARC c norm"
    assert short_name("acc_norm", "reading") == "readi norm"
    assert short_name("exact_match", "mkqa") == "MKQA exact"
    assert quantity_name("hidden_difference") == "hidden difference"


def test_every_quantity_that_is_measured_has_a_short_name_of_its_own() -> None:
    measured = [
        "perplexity",
        "bits_per_byte",
        "snr",
        "snr_without_first",
        "pruning_error",
        "pruning_error_without_first",
        "hidden_difference",
        "hidden_difference_without_first",
        "agnostic_difference",
        "specific_difference",
        "lape",
        "never_active",
        "activation_probability",
        "mean_activation",
        "sparsity",
        "weight_error",
        "output_error",
        "removed_among_smallest",
    ]
    names = [short_name(quantity) for quantity in measured]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 10
