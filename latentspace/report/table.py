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


def _of_maps(name: str, words: str, better: str = HIGHER) -> Score:
    return Score(words, f"maps/latent/{name}", {"pixels": f"maps/pixel/{name}"}, better)


def _of_ways(name: str, words: str, better: str = "", digits: int = 3) -> Score:
    others = {"pixels blended": "pixels", "straight line": "linear", "sphere": "spherical"}
    return Score(
        words,
        f"interpolation/data/{name}",
        {who: f"interpolation/{way}/{name}" for who, way in others.items()},
        better,
        digits,
        known={"real test images": f"interpolation/real_images/{name}"},
    )


def _of_moves(name: str, words: str, better: str = HIGHER) -> Score:
    beside = {"class means": f"arithmetic/class_means/{name}"}
    return Score(words, f"arithmetic/transport/{name}", beside, better)


def _of_attributes(name: str, words: str, better: str = "") -> Score:
    beside = {
        "directions of pixels": f"attributes/pixels/{name}/{EACH}",
        "random directions": f"attributes/random_codes/{name}/{EACH}",
    }
    return Score(words, f"attributes/codes/{name}/{EACH}", beside, better)


def _of_clusters(name: str, words: str) -> Iterator[Score]:
    for way, in_codes, others in (
        ("k-means", "codes: k-means", {PCA: "PCA {units}: k-means"}),
        ("a mixture after UMAP", "codes: UMAP, Gaussian mixture", {}),
        ("the same with deformed copies", "codes, deformed copies: UMAP, Gaussian mixture", {}),
    ):
        others = {"pixels": in_codes.replace("codes", "pixels", 1), **others}
        beside = {who: f"clusters/methods/{method}/{name}" for who, method in others.items()}
        yield Score(f"{words}, {way}", f"clusters/methods/{in_codes}/{name}", beside, HIGHER)


def _of_planted(name: str, words: str, better: str = HIGHER, digits: int = 3) -> Score:
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
        _of_maps("source_knn_accuracy", "10-NN label accuracy before any map"),
        _of_maps("knn_accuracy", "10-NN label accuracy in the map"),
        _of_maps("source_silhouette", "Silhouette of the classes before any map"),
        _of_maps("silhouette", "Silhouette of the classes in the map"),
        _of_maps("neighbors_kept", "Neighbours kept in the map"),
        _of_maps("trustworthiness", "Trustworthiness of the map"),
        _of_maps("class_neighbors_kept", "Nearest class means kept in the map"),
        _of_maps("distance_correlation", "Rank correlation of distances with the map's"),
        Score(
            "10-NN label accuracy in the map by {each}",
            f"cousins/{EACH}/latent/knn_accuracy",
            {"pixels": f"cousins/{EACH}/pixel/knn_accuracy"},
            HIGHER,
        ),
        Score(
            "Neighbours of another class, {each}",
            f"confusion/latent/{EACH}",
            {"pixels": f"confusion/pixel/{EACH}"},
            LOWER,
            known={
                "on the map of codes": f"confusion/latent_map/{EACH}",
                "on the map of pixels": f"confusion/pixel_map/{EACH}",
            },
            names="confusion/classes",
        ),
    ),
    "interpolate": (
        _of_ways("confidence", "The judge's confidence on the way along the data", HIGHER),
        _of_ways("least_confidence", "Its least confidence on each way", HIGHER),
        _of_ways("midpoint_confidence", "Its confidence half-way", HIGHER),
        _of_ways("nearest_distance", "Distance to the nearest training image", LOWER, digits=2),
        _of_ways("grey_share", "Share of grey ink"),
        _of_ways("step_ratio", "Longest step over mean step", LOWER, digits=2),
        Score("Real test images that the judge calls right", "judge/test_accuracy"),
    ),
    "calculate": (
        _of_moves("target_accuracy", "Moved to another class, called that class by the judge"),
        _of_moves("nearest_distance", "Distance to the nearest training image then", LOWER),
        _of_moves("slant_kept", "Rank correlation of slant before and after"),
        _of_moves("thickness_kept", "Rank correlation of thickness before and after"),
        _of_attributes("slope", "Change of {each} for a step of one deviation"),
        _of_attributes("spearman", "Rank correlation of {each} with the step", HIGHER),
        _of_attributes("same_class", "Still the same class, {each} swept", HIGHER),
        _of_attributes("leakage", "Largest change of another attribute, {each} swept", LOWER),
        _of_attributes("grey_share", "Share of grey ink, {each} swept"),
        Score(
            "The judge's confidence in new images",
            "traversals/sample_confidence/all classes",
            known={"real test images": "traversals/real_confidence"},
        ),
    ),
    "use": (
        *_of_clusters("accuracy", "Accuracy of clusters"),
        *_of_clusters("nmi", "NMI of clusters and classes"),
        *_of_clusters("ari", "ARI of clusters and classes"),
        *_of_clusters("stability", "Agreement of clusters between seeds"),
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
        _of_planted("found", "Planted wrong labels that are flagged"),
        _of_planted("false_alarms", "Own labels that are flagged", LOWER, 4),
        _of_planted("precision", "Wrong ones among the flagged, one label in a hundred wrong"),
    ),
}
