"""What captions say of maps, here and in other chapters."""

from latentspace.analysis.projection import NEAREST_EMBEDDED, Settings
from latentspace.chapters.captions import format_metric
from latentspace.chapters.figure import METHODS
from latentspace.chapters.maps.images import ALL, SPACES, MapImages, Rows
from latentspace.chapters.maps.measure import Maps


def describe_images(maps: MapImages, count: int | None = None) -> str:
    """The images on maps, or so many of them."""
    count, data = len(maps.indices) if count is None else count, maps.study.data
    if maps.study.settings.split == "test":
        return data.name_tests(count)
    return f"{count:,} {maps.split_name} of {data.title}"


def name_map(method: str, space: str) -> str:
    """A map by its method and what it is made of, such as "t-SNE of the codes"."""
    return f"{METHODS[method]} of the {SPACES[space]}"


def describe_maps(maps: Maps, settings: Settings, *spaces: str, rows: Rows = ALL) -> str:
    """What a reader must know of how maps of these spaces (or all), of some images, were made."""
    if settings.method != "tsne":
        return METHODS[settings.method]
    spaces = spaces or tuple(maps.spaces)
    made = maps.project(settings, rows, spaces)
    exaggeration = f", exaggeration {settings.exaggeration:g}" if settings.exaggeration != 1 else ""
    divergences = " and ".join(
        f"{of.facts['kl_divergence']:.2f}" + (f" ({SPACES[space]})" if len(spaces) > 1 else "")
        for space, of in made.items()
    )
    first = made[spaces[0]]
    more = (
        f"; made of {len(first.points) - placed:,} of them, chosen by the seed: the other "
        f"{placed:,} are placed at the median of their {NEAREST_EMBEDDED} nearest among these"
        if (placed := first.facts.get("placed"))
        else ""
    )
    return (
        f"t-SNE, perplexity {settings.perplexity:g}{exaggeration}, "
        f"{first.facts['iterations']} iterations, KL divergence {divergences}{more}"
    )


def format_scores(maps: Maps, settings: Settings, space: str, *, words: str = "") -> str:
    """How well a map tells the classes apart; empty without classes."""
    if not maps.study.data.has_classes:
        return ""
    found = maps.score_maps(settings)[space]
    votes = format_metric(f"{maps.knn}{words}", found["knn_accuracy"].value)
    return ", ".join([*votes, *format_metric("silhouette", found["silhouette"].value)])
