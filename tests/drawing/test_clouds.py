from __future__ import annotations

import numpy as np
from drawn import TEXT, write

from latentspace.drawing import clouds
from latentspace.drawing.points import LabelledMaps, choose_class_colors

RED, BLUE = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])


def test_dots_are_round_have_their_place_and_later_ones_lie_on_top() -> None:
    places = np.array([[20.0, 30], [24, 30], [90, 200]])
    drawn = clouds.splat(places, np.stack([RED, BLUE, RED]), np.full(3, 5.0), side=60)
    assert drawn.shape == (60, 60, 3)
    assert tuple(drawn[30, 24]) == (0, 0, 255)
    assert tuple(drawn[30, 21]) == (0, 0, 255)
    assert tuple(drawn[30, 16]) == (255, 0, 0)
    ys, xs = np.nonzero((drawn < 255).any(axis=2))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (15, 29, 25, 35)
    assert tuple(drawn[25, 15]) == (255, 255, 255)  # the corner of the square around the dot


def test_dots_at_the_edge_are_cut_and_outside_left_out() -> None:
    drawn = clouds.splat(
        np.array([[0.0, 0], [-40, 5]]), np.stack([RED, BLUE]), np.full(2, 3), side=9
    )
    assert tuple(drawn[0, 0]) == (255, 0, 0)
    assert (drawn[..., 2] < 255).sum() < 16


def arguments(dims: int, frames: int | None = None) -> dict:
    rng, count = np.random.default_rng(0), 60
    lead = () if frames is None else (frames,)
    points = {name: rng.normal(size=(*lead, count, dims)) for name in ("pixels", "codes")}
    maps = LabelledMaps(points, np.arange(count) % 3, ("a", "b", "c"))
    return {"maps": maps}


def test_a_forming_map_has_a_frame_for_each_step_and_holds_the_last() -> None:
    notes = [[f"step {step}" for step in range(4)]] * 2
    frames = write(clouds.draw_forming(**arguments(2, frames=4), notes=notes, hold_frames=3))
    assert len(frames) == 7
    assert all(frame.shape == frames[0].shape for frame in frames)
    for frame in frames[4:]:
        np.testing.assert_array_equal(frame, frames[3])
    assert not np.array_equal(frames[0], frames[1])


def test_each_frame_of_a_film_has_its_own_scale() -> None:
    options = arguments(2, frames=2)
    for points in options["maps"].points.values():
        points[1] = 0.001 * points[0]
    notes = [["same", "same"]] * 2
    first, second = write(clouds.draw_forming(**options, notes=notes, hold_frames=0))
    np.testing.assert_array_equal(first, second)


def test_only_several_classes_have_a_legend() -> None:
    maps = arguments(3)["maps"]
    plain = LabelledMaps(maps.points, np.zeros(60, int), ("image",))
    headings = [label.text for label in clouds.draw_solid(plain).labels]
    assert headings == ["pixels", "codes"]
    shown = [label.text for label in clouds.draw_solid(maps).labels]
    assert shown == [*headings, "● a", "● b", "● c"]


def test_an_orbit_closes_and_lasts_one_slow_turn() -> None:
    orbit, _ = clouds.draw_orbit(**arguments(3), fps=5).write(TEXT)
    assert len(orbit) == 5 * clouds.TURN_SECONDS
    frames = [orbit[number] for number in (0, 1, len(orbit) - 1, len(orbit) // 2)]
    changes = [np.abs(frames[0].astype(int) - frame).mean() for frame in frames]
    assert changes[0] == 0
    # The last frame is as near to the first as the second is.
    assert 0.5 < changes[2] / changes[1] < 2


def test_what_is_near_is_larger_and_stronger() -> None:
    # Two points on the line of sight, to the left and the right of the middle.
    turn = clouds.STILL_TURN
    eye = np.array([-np.sin(turn), -np.cos(turn), 0.0])
    side = np.array([np.cos(turn), -np.sin(turn), 0.0])
    points = np.stack([0.8 * eye - 0.5 * side, -0.8 * eye + 0.5 * side])
    maps = LabelledMaps({"both": points}, np.array([0, 1]), ("a", "b"))
    drawn = clouds._draw_from_side(maps, 400)
    color_near, color_far = choose_class_colors(2)
    near, far = drawn[:, :200].astype(float), drawn[:, 200:].astype(float)
    assert (near < 255).any(axis=2).sum() > 1.5 * (far < 255).any(axis=2).sum()

    def paleness(part: np.ndarray, color: np.ndarray) -> float:
        strongest = part.reshape(-1, 3)[part.sum(axis=2).argmin()] / 255
        return float(np.abs(strongest - color).sum())

    assert paleness(near, color_near) < 0.3 < paleness(far, color_far)
    still = write(clouds.draw_solid(maps))
    assert still.dtype == np.uint8
    assert (still < 255).any()
