"""The files of a run, what run.json says in it, and which values make sense there."""

from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Gt, Le, Lt
from typing_extensions import TypedDict

ENCODER, DECODER = "encoder.keras", "decoder.keras"
KERAS = (ENCODER, DECODER)
ONNX = ("encoder.onnx", "decoder.onnx")  # in their place, of a model that is not of Keras
CODES = "codes"  # in their place, where there are codes without a model
FACTS, HISTORY, SNAPSHOTS, DENSITY = "run.json", "history.csv", "snapshots.npz", "density.npz"
KEPT_CODES = "codes.npz"
# Of a training that is not finished.
CHECKPOINT, PARTIAL_SNAPSHOTS = "checkpoint.npz", "checkpoint-snapshots.npz"
CLASSIFIERS = "classifiers"  # a folder among those of the runs

RUN_VERSION = 1
LARGEST_SIDE, LARGEST_CODE = 1 << 14, 1 << 20
OPEN, CLOSED = {"extra": "allow"}, {"extra": "forbid"}

Side = Annotated[int, Ge(1), Le(LARGEST_SIDE)]
Count = Annotated[int, Ge(0)]
Share = Annotated[float, Gt(0), Lt(1)]
Score = Annotated[float, Ge(0), Lt(float("inf"))]
Channels = Literal[1, 3]


class ReadOptionsFacts(TypedDict):  # how the images were read, see `datasets.ReadOptions`
    __pydantic_config__ = CLOSED  # type: ignore[misc]
    image_size: tuple[Side, Side] | None
    channels: Channels | None
    test_fraction: Share
    limit: Annotated[int, Ge(1)] | None
    labels: str | None
    corrections: NotRequired[str | None]
    label_column: NotRequired[str | None]
    classes_from: NotRequired[Annotated[int, Ge(1)] | Literal["none"] | None]
    frames_as: NotRequired[Literal["images", "first"] | None]
    value_range: NotRequired[tuple[float, float] | None]
    images_key: NotRequired[tuple[str, ...] | None]
    labels_key: NotRequired[tuple[str, ...] | None]
    no_labels: NotRequired[bool]
    fit: NotRequired[Literal["scale", "pad"]]
    attributes_file: NotRequired[str | None]


class DatasetFacts(TypedDict):
    __pydantic_config__ = OPEN  # type: ignore[misc]
    name: str
    source: str | None
    hash: str
    images_hash: NotRequired[str]
    attributes: NotRequired[Count]  # how many were known
    reading: NotRequired[ReadOptionsFacts]


class OriginFacts(TypedDict):  # of a model that was trained elsewhere
    __pydantic_config__ = OPEN  # type: ignore[misc]
    description: str
    warning: NotRequired[str | None]


class SettingsFacts(TypedDict):  # of the training, as far as a look at the run asks for them
    __pydantic_config__ = OPEN  # type: ignore[misc]
    validation_split: NotRequired[Share]
    seed: NotRequired[Count]


class RunFacts(TypedDict):
    """All that must be right for a run to be looked at; what else stands there is shown only."""

    __pydantic_config__ = OPEN  # type: ignore[misc]
    dataset: DatasetFacts
    image_shape: tuple[Side, Side, Channels]
    latent_dim: Annotated[int, Ge(1), Le(LARGEST_CODE)]
    settings: SettingsFacts
    scores: dict[str, Score]
    sha256: dict[str, str]
    adopted: NotRequired[OriginFacts]
    finished: NotRequired[str]
    epochs: NotRequired[Count]
    parameters: NotRequired[Count]
    seconds: NotRequired[Annotated[float, Ge(0)]]
    device: NotRequired[str]
