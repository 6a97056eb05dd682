from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctmo_indi.detector_facts import BadPixelRules
from ctmo_indi.pixels.bad_pixels import bad_in_dark, bad_in_flat
from ctmo_indi.pixels.combine import Combined

RULES = BadPixelRules()
SHAPE = (256, 300)
NOISE_ADU = 6.0


def dark(count=9, *, hot=(), noisy=(), glow_adu=0.0):
    """A master dark with everything known: 40 adu, noise of one frame 6 adu."""
    rng = np.random.default_rng(count)
    level = 40.0 + glow_adu * np.linspace(0.0, 1.0, SHAPE[1]) ** 2 + np.zeros(SHAPE)
    for place, excess in hot:
        level[place] += excess
    noise = np.full(SHAPE, NOISE_ADU)
    for place, ratio in noisy:
        noise[place] *= ratio
    stack = rng.normal(level, noise, (count, *SHAPE))
    error = stack.std(axis=0, ddof=1) / np.sqrt(count)
    return Combined(
        stack.mean(axis=0).astype(np.float32),
        error.astype(np.float32),
        np.zeros(SHAPE, np.uint8),
        np.full(SHAPE, count, np.uint8),
    )


def places(flags):
    return {tuple(map(int, place)) for place in np.argwhere(flags)}


@pytest.mark.parametrize("count", [5, 9, 20])
def test_hot_and_noisy_pixels_are_found_and_no_others(count):
    """77,000 pixels of 5 frames scatter widely; yet none is taken for noisy."""
    master = dark(count, hot=[((7, 9), 40 * NOISE_ADU)], noisy=[((100, 200), 40.0)])
    assert places(bad_in_dark(master, RULES)) == {(7, 9), (100, 200)}


def test_the_noise_of_a_subtracted_bias_hides_no_hot_pixel():
    plain = dark(hot=[((7, 9), 40 * NOISE_ADU)])
    bias_error = np.full(SHAPE, NOISE_ADU / np.sqrt(5), np.float32)
    master = replace(plain, error=np.hypot(plain.error, bias_error))  # as combining tells it
    assert places(bad_in_dark(master, RULES, bias_error)) == {(7, 9)}


def test_a_warm_pixel_is_left_to_the_dark():
    assert not bad_in_dark(dark(hot=[((7, 9), 20 * NOISE_ADU)]), RULES).any()


def test_the_glow_of_an_amplifier_is_not_hot():
    master = dark(glow_adu=100 * NOISE_ADU, hot=[((50, 290), 40 * NOISE_ADU)])
    assert places(bad_in_dark(master, RULES)) == {(50, 290)}


def test_a_hot_cluster_and_a_hot_column_are_found():
    column = [((slice(None), 17), 100 * NOISE_ADU)]
    assert places(bad_in_dark(dark(hot=column), RULES)) == {(row, 17) for row in range(SHAPE[0])}


def test_a_rule_can_be_switched_off_or_changed():
    master = dark(hot=[((7, 9), 40 * NOISE_ADU)], noisy=[((100, 200), 40.0)])
    only_noisy = replace(RULES, hot_sigma=0.0)
    only_hot = replace(RULES, noisy_ratio=0.0)
    assert places(bad_in_dark(master, only_noisy)) == {(100, 200)}
    assert places(bad_in_dark(master, only_hot)) == {(7, 9)}
    assert not bad_in_dark(master, BadPixelRules(50.0, 0.0, 0.0, 0.0)).any()


def test_darks_that_are_all_alike_have_no_bad_pixels():
    """As of a simulator without noise: a smooth pattern, scatter 0."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    plain = dark()
    data = (100.0 + (x % 7) + (y % 3)).astype(np.float32)
    assert not bad_in_dark(replace(plain, data=data, error=np.zeros_like(data)), RULES).any()
    data = np.full(SHAPE, 10.0, np.float32)
    assert not bad_in_dark(replace(plain, data=data, error=np.zeros_like(data)), RULES).any()


def test_a_pixel_without_a_value_is_bad():
    master = dark()
    master.data[3, 4] = np.nan
    master.error[3, 4] = np.nan
    assert places(bad_in_dark(master, RULES)) == {(3, 4)}
    flat = np.ones(SHAPE, np.float32)
    flat[3, 4] = np.nan
    assert places(bad_in_flat(flat, RULES)) == {(3, 4)}


def test_cold_dead_and_bright_pixels_of_a_vignetted_flat_are_found_and_no_others():
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    flat = 1.1 - 0.7 * (((x - 150) / 150) ** 2 + ((y - 128) / 128) ** 2) / 2.0
    flat *= np.random.default_rng(1).normal(1.0, 0.02, SHAPE)
    flat *= 1.0 - 0.3 * np.exp(-(((x - 60) / 20) ** 2 + ((y - 60) / 20) ** 2))  # dust
    flat[30, 40] *= 0.4
    flat[31, 200] = 0.0
    flat[200, 5] *= 1.7
    flat[100:140, 77] *= 0.3
    expected = {(30, 40), (31, 200), (200, 5)} | {(row, 77) for row in range(100, 140)}
    assert places(bad_in_flat(flat.astype(np.float32), RULES)) == expected
    off = BadPixelRules(cold_ratio=0.0, bright_ratio=0.0)
    assert not bad_in_flat(flat.astype(np.float32), off).any()


@pytest.mark.parametrize("shape", [(5, 7), (16, 16), (64, 65)])
def test_small_frames_are_judged_too(shape):
    flat = np.ones(shape, np.float32)
    flat[2, 3] = 0.1
    assert places(bad_in_flat(flat, RULES)) == {(2, 3)}
