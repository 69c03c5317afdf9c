"""Which channels a model is measured with follows from the data set and from what the model may see."""

from __future__ import annotations

import pytest
from data_sets import PILOT, POCKET_AND_WRIST, SPECS
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.fitting.recipe import channels_seen
from har_core.sensors.subsets import sensors_seen, subsets_of, units_seen
from har_core.settings.experiment import ModelSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.dataset import AXES, Channel, DatasetSpec


@st.composite
def specs(draw: st.DrawFn) -> DatasetSpec:
    """Units that carry some of the sensors, each in an order of its own."""
    places = draw(st.lists(st.sampled_from(["head", "wrist", "hip", "foot"]), min_size=1, unique=True))
    worn = st.lists(st.sampled_from(["acc", "gyro", "mag", "heart_rate"]), min_size=1, max_size=3, unique=True)
    channels = tuple(
        Channel(name=f"{place}_{sensor}_{axis}", place=place, sensor=sensor, axis=axis, unit="1")
        for place in places
        for sensor in draw(worn)
        for axis in AXES
    )
    return POCKET_AND_WRIST.replaced(channels=channels, place_names={})


@st.composite
def recipes(draw: st.DrawFn, spec: DatasetSpec) -> TrainingSettings:
    """What a model may see of ``spec``, at least one channel."""
    start = draw(st.sampled_from(spec.channels))
    units = draw(st.none() | st.sets(st.sampled_from(spec.places)).map(lambda found: (*found, start.place)))
    sensors = draw(st.none() | st.sets(st.sampled_from(spec.sensor_kinds)).map(lambda found: (*found, start.sensor)))
    channels = draw(st.none() | st.sets(st.sampled_from(spec.channel_names)).map(lambda found: (*found, start.name)))
    return TrainingSettings(units=units, sensors=sensors, channels=channels)


@given(data=st.data())
def test_each_subset_is_a_part_of_what_the_model_sees_and_none_comes_twice(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(SPECS) | specs())
    training = data.draw(recipes(spec))
    seen = set(channels_seen(spec, training))
    first, *others = subsets_of(spec, training)
    assert (first.way, set(channels_seen(spec, first.narrowed(training)))) == ("all", seen)
    found = [set(channels_seen(spec, subset.narrowed(training))) for subset in others]
    assert all(own < seen for own in found)
    assert len({frozenset(own) for own in found}) == len(found)
    for subset, own in zip(others, found, strict=True):
        is_of_it = {
            index
            for index in seen
            if subset.name == (spec.channels[index].place if subset.part == "unit" else spec.channels[index].sensor)
        }
        assert own == (is_of_it if subset.way == "alone" else seen - is_of_it)


@given(data=st.data())
def test_every_part_is_measured_alone_and_left_out(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(SPECS) | specs())
    training = data.draw(recipes(spec))
    seen = channels_seen(spec, training)
    measured = {frozenset(channels_seen(spec, subset.narrowed(training))) for subset in subsets_of(spec, training)}
    for names, part_of in (
        (units_seen(spec, training), [channel.place for channel in spec.channels]),
        (sensors_seen(spec, training), [channel.sensor for channel in spec.channels]),
    ):
        for name in names:
            alone = frozenset(index for index in seen if part_of[index] == name)
            assert alone in measured
            assert frozenset(seen) - alone in measured or not frozenset(seen) - alone


def test_five_units_of_three_sensors() -> None:
    told = [(subset.way, subset.part, subset.name) for subset in subsets_of(DSADS, TrainingSettings())]
    units, sensors = ("T", "RA", "LA", "RL", "LL"), ("acc", "gyro", "mag")
    assert told == [
        ("all", "", ""),
        *(("alone", "unit", name) for name in units),
        *(("left_out", "unit", name) for name in units),
        *(("alone", "sensor", name) for name in sensors),
        *(("left_out", "sensor", name) for name in sensors),
    ]


def test_one_unit_is_neither_alone_nor_left_out_and_of_two_one_left_out_is_the_other() -> None:
    parts = {subset.part for subset in subsets_of(PILOT, TrainingSettings())}
    assert "unit" not in parts
    told = [(s.way, s.name) for s in subsets_of(POCKET_AND_WRIST, TrainingSettings()) if s.part == "unit"]
    assert told == [("alone", "pocket"), ("alone", "wrist")]


def test_a_subset_keeps_everything_but_units_and_sensors() -> None:
    settings = ModelSettings(
        training=TrainingSettings(epochs=7, sensors=("acc", "mag"), channels=("T_xacc", "RA_xacc", "RA_xmag")),
        architecture_options={"base_width": 2},
    )
    told = {(s.way, s.name): s.settings(settings) for s in subsets_of(DSADS, settings.training)}
    alone = told["alone", "RA"]
    assert alone.architecture_options == {"base_width": 2}
    assert alone.training.epochs == 7
    names = [DSADS.channel_names[index] for index in channels_seen(DSADS, alone.training)]
    assert names == ["RA_xacc", "RA_xmag"]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'RA'"):
        subsets_of(DSADS, TrainingSettings(units=("ra",)))
