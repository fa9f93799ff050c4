"""How the model learned: a film, a map that moves, a curve."""

from latentspace.chapters.figure import LEARN, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=LEARN,
    flags={"--film": "the model learning: reconstructions, the error and the map of the codes"},
    figures=(
        Figure(
            "--film",
            "training.gif",
            "unseen images reconstructed better and better, with the curve of the error",
            settings=(),
        ),
        Figure(
            "--film",
            "training_map.gif",
            "the map of the codes while the model learns, beside that of the pixels",
            settings=("perplexity", "seed"),
        ),
        Figure(
            "--reconstructions",
            "learning_curve.png",
            "training and validation loss per epoch",
            settings=(),
        ),
    ),
)
