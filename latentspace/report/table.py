"""The table of scores: what is measured, where it stands in metrics.json, and what is beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

HIGHER, LOWER = "higher is better", "lower is better"
EACH = "*"  # stands for every name at its place in a path
PCA = "PCA, {units} components"


@dataclass(frozen=True)
class Score:
    """A line of the table, or one for each name that `EACH` finds.

    Paths lead into metrics.json, their names parted by "/"; `{units}` is the size of a code. In
    words and names, `{each}` is what `EACH` has found.

    Attributes:
        words: What is measured.
        path: Where the model's value stands. Its interval stands beside it, or it is a median
            with its range.
        beside: By name where the same measure of something else stands.
        known: The same of what does not compete, such as real images.
        better: `HIGHER` or `LOWER`; empty where neither is.
        digits: Digits after the point that are worth reading.
        names: Where the names stand, where `EACH` finds a list.
    """

    words: str
    path: str
    beside: Mapping[str, str] = field(default_factory=dict)
    better: str = ""
    digits: int = 3
    known: Mapping[str, str] = field(default_factory=dict)
    names: str = ""


def _map_score(name: str, words: str, better: str = HIGHER) -> Score:
    return Score(words, f"maps/latent/{name}", {"pixels": f"maps/pixel/{name}"}, better)


def _path_score(name: str, words: str, better: str = "", digits: int = 3) -> Score:
    others = {"pixels blended": "pixels", "straight line": "linear", "sphere": "spherical"}
    return Score(
        words,
        f"interpolation/data/{name}",
        {who: f"interpolation/{way}/{name}" for who, way in others.items()},
        better,
        digits,
        known={"real test images": f"interpolation/real_images/{name}"},
    )


def _move_score(name: str, words: str, better: str = HIGHER) -> Score:
    beside = {"class means": f"arithmetic/class_means/{name}"}
    return Score(words, f"arithmetic/transport/{name}", beside, better)


def _attribute_score(name: str, words: str, better: str = "") -> Score:
    beside = {
        "directions of pixels": f"attributes/pixels/{name}/{EACH}",
        "random directions": f"attributes/random_codes/{name}/{EACH}",
    }
    return Score(words, f"attributes/codes/{name}/{EACH}", beside, better)


def _cluster_scores(name: str, words: str) -> Iterator[Score]:
    for way, in_codes, others in (
        ("k-means", "codes: k-means", {PCA: "PCA {units}: k-means"}),
        ("a mixture after UMAP", "codes: UMAP, Gaussian mixture", {}),
        ("the same with deformed copies", "codes, deformed copies: UMAP, Gaussian mixture", {}),
    ):
        others = {"pixels": in_codes.replace("codes", "pixels", 1), **others}
        beside = {who: f"clusters/methods/{method}/{name}" for who, method in others.items()}
        yield Score(f"{words}, {way}", f"clusters/methods/{in_codes}/{name}", beside, HIGHER)


def _planted_score(name: str, words: str, better: str = HIGHER, digits: int = 3) -> Score:
    beside = {"neighbours in pixels": f"outliers/planted/pixels/{name}"}
    return Score(words, f"outliers/planted/codes/{name}", beside, better, digits)


TABLE: Mapping[str, tuple[Score, ...]] = {  # by part of the story
    "reconstruct": (
        Score(
            "Mean squared error of test images",
            "reconstruction/test_mse",
            {PCA: "reconstruction/pca_mse"},
            LOWER,
            digits=5,
        ),
        Score("Mean squared error of training images", "reconstruction/train_mse", digits=5),
        Score("Structural similarity (SSIM) of test images", "reconstruction/test_ssim"),
    ),
    "map": (
        _map_score("source_knn_accuracy", "10-NN label accuracy before any map"),
        _map_score("knn_accuracy", "10-NN label accuracy in the map"),
        _map_score("source_silhouette", "Silhouette of the classes before any map"),
        _map_score("silhouette", "Silhouette of the classes in the map"),
        _map_score("knn_preservation", "Neighbours kept in the map"),
        _map_score("trustworthiness", "Trustworthiness of the map"),
        _map_score("class_knn_preservation", "Nearest class means kept in the map"),
        _map_score("distance_correlation", "Rank correlation of distances with the map's"),
        Score(
            "10-NN label accuracy in the map by {each}",
            f"methods/{EACH}/latent/knn_accuracy",
            {"pixels": f"methods/{EACH}/pixel/knn_accuracy"},
            HIGHER,
        ),
        Score(
            "Neighbours of another class, {each}",
            f"overlap/latent/{EACH}",
            {"pixels": f"overlap/pixel/{EACH}"},
            LOWER,
            known={
                "on the map of codes": f"overlap/latent_map/{EACH}",
                "on the map of pixels": f"overlap/pixel_map/{EACH}",
            },
            names="overlap/classes",
        ),
    ),
    "interpolate": (
        _path_score("confidence", "The judge's confidence on the way along the data", HIGHER),
        _path_score("least_confidence", "Its least confidence on each way", HIGHER),
        _path_score("midpoint_confidence", "Its confidence half-way", HIGHER),
        _path_score("nearest_distance", "Distance to the nearest training image", LOWER, digits=2),
        _path_score("grey_share", "Share of grey ink"),
        _path_score("step_ratio", "Longest step over mean step", LOWER, digits=2),
        Score("Real test images that the judge calls right", "classifier/test_accuracy"),
    ),
    "calculate": (
        _move_score("target_accuracy", "Moved to another class, called that class by the judge"),
        _move_score("nearest_distance", "Distance to the nearest training image then", LOWER),
        _move_score("slant_kept", "Rank correlation of slant before and after"),
        _move_score("thickness_kept", "Rank correlation of thickness before and after"),
        _attribute_score("slope", "Change of {each} for a step of one deviation"),
        _attribute_score("spearman", "Rank correlation of {each} with the step", HIGHER),
        _attribute_score("same_class", "Still the same class, {each} swept", HIGHER),
        _attribute_score("leakage", "Largest change of another attribute, {each} swept", LOWER),
        _attribute_score("grey_share", "Share of grey ink, {each} swept"),
        Score(
            "The judge's confidence in new images",
            "traversals/sample_confidence/all classes",
            known={"real test images": "traversals/real_confidence"},
        ),
    ),
    "use": (
        *_cluster_scores("accuracy", "Accuracy of clusters"),
        *_cluster_scores("nmi", "NMI of clusters and classes"),
        *_cluster_scores("ari", "ARI of clusters and classes"),
        *_cluster_scores("stability", "Agreement of clusters between seeds"),
        Score(
            "Bytes an image at an error near the codes' least",
            "compression/chosen_bytes",
            {
                "best other way": "compression/nearest_bytes",
                "pixels as they are": "compression/pixel_bytes",
            },
            LOWER,
            digits=1,
        ),
        Score("Bytes of the decoder", "compression/decoder_bytes", digits=0),
        Score("Images from which on it pays", "compression/break_even_images", digits=0),
        Score(
            "Told from test images: {each} (AUROC of the distance in codes)",
            f"outliers/auroc/{EACH}/codes",
            {
                "model's error": f"outliers/auroc/{EACH}/error",
                "PCA's error": f"outliers/auroc/{EACH}/pca_error",
                "distance in pixels": f"outliers/auroc/{EACH}/pixels",
            },
            HIGHER,
        ),
        _planted_score("found", "Planted wrong labels that are flagged"),
        _planted_score("false_alarms", "Own labels that are flagged", LOWER, 4),
        _planted_score("precision", "Wrong ones among the flagged, one label in a hundred wrong"),
    ),
}
