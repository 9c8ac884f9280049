"""What a comparison says about the contents of artifacts: weights, curves, plots, predictions.

Every value has one entry for each compared experiment in its tuples, in their order; None stands
for an experiment that doesn't have it, or whose content isn't on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from gitml.comparison.statistics.attributions import AttributionComparison
    from gitml.comparison.statistics.predictions import PredictionComparison
    from gitml.comparison.statistics.rankings import RankingComparison

Kinship = Literal["same", "related", "independent", "unknown"]


class TensorChange(msgspec.Struct, frozen=True):
    """One tensor of two models.

    Attributes:
        name: Its name.
        change: `added`, `removed`, `reshaped`, `retyped`, `changed` or `same`.
        shapes: Dimensions in both.
        dtypes: Element types in both.
        norms: Square roots of the sums of squares of the finite elements.
        relative: ‖B - A‖ / ‖A‖; None where it isn't known.
        cosine: Between A and B, -1 … 1; None where it isn't known.
        largest: Largest |B - A| of an element; only from the weights themselves.
        share: Share of the elements that differ, 0 … 1; only from the weights themselves.
        odd: Number of elements that are NaN or infinite, in both.
        before: Its name in the first, where that is another one; else empty.
        statistic: Whether it is a running statistic of a normalisation layer.
    """

    name: str
    change: str
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    dtypes: tuple[str | None, str | None]
    norms: tuple[float | None, float | None] = (None, None)
    relative: float | None = None
    cosine: float | None = None
    largest: float | None = None
    share: float | None = None
    odd: tuple[int, int] = (0, 0)
    before: str = ""
    statistic: bool = False


class BlockChange(msgspec.Struct, frozen=True):
    """A block of two models: the tensors up to and including the first number in their names.

    Attributes:
        name: Such as `layers.3`.
        tensors: How many it has, over both models.
        changed: How many of these aren't the same.
        parameters: Elements in both.
        norms: Of all its tensors together, in both.
        relative: ‖B - A‖ / ‖A‖ over the tensors of the same shape, running statistics of
            normalisation layers left out; None where it isn't known.
        cosine: Over the same tensors.
        largest: Largest |B - A| of an element of these; only from the weights themselves.
        odd: Number of elements that are NaN or infinite, in both.
        statistics: How many of the changed are running statistics of normalisation layers.
    """

    name: str
    tensors: int
    changed: int
    parameters: tuple[int, int]
    norms: tuple[float | None, float | None] = (None, None)
    relative: float | None = None
    cosine: float | None = None
    largest: float | None = None
    odd: tuple[int, int] = (0, 0)
    statistics: int = 0


class WeightsComparison(msgspec.Struct, frozen=True):
    """The weights of two experiments.

    Attributes:
        path: From the repository's root, in the second experiment.
        paths: In both.
        exact: Whether the weights themselves were read; else relative changes and cosines are
            estimates from the tensor manifests.
        kinship: Whether one model can have come from the other: `independent` ones were
            initialised apart, so that relative changes and cosines say nothing and are None.
        counts: Change → number of tensors.
        parameters: Elements in both.
        sizes: Bytes in both.
        blocks: Largest relative change first; what didn't change is left out.
        tensors: By name; those that are the same are left out.
        notes: Sentences that belong with it.
    """

    path: str
    paths: tuple[str | None, str | None]
    exact: bool
    kinship: Kinship
    counts: dict[str, int]
    parameters: tuple[int, int]
    sizes: tuple[int, int]
    blocks: tuple[BlockChange, ...]
    tensors: tuple[TensorChange, ...]
    notes: tuple[str, ...] = ()


class Curve(msgspec.Struct, frozen=True):
    """One metric over the steps of one run.

    Attributes:
        steps: Training steps; the numbers of the measurements from 0 where no steps are known.
        values: One for each; NaN where a step has none.
        seconds: Since the start of the run, pauses before a resumption left out, one for each;
            empty where it isn't known.
        run: Name of the run, where it is a replicate; else empty.
        measured: How many values the run has; a long curve has fewer points, which look the same.
        repeated: How many of these were measured again at the same step, so that they don't count.
        missing: How many steps seem to be missing, where they are evenly spaced else.
        odd: How many values are NaN or infinite.
    """

    steps: tuple[float, ...]
    values: tuple[float, ...]
    seconds: tuple[float, ...] = ()
    run: str = ""
    measured: int = 0
    repeated: int = 0
    missing: int = 0
    odd: int = 0


class HistoryComparison(msgspec.Struct, frozen=True):
    """One metric over steps, of all experiments.

    Attributes:
        metric: Its name.
        goal: `max`, `min`, or empty.
        stepped: Whether steps are known; else the curves are over measurements.
        curves: Of each experiment.
        replicates: Of each experiment: the curves of its replicates.
        best: Best (step, value) of each, by the goal; None without a goal.
        last: Last (step, value) of each.
        parted: First step at which curves of two that began alike differ; None when they never
            do, or differ from the start.
        group: What metrics with one scale have in common: `loss` of `train_loss` and `valid_loss`.
        aligned: Whether the steps of all curves seem to count the same; else the curves don't
            belong over one axis.
        note: What to know about the curves; else empty.
    """

    metric: str
    goal: str
    stepped: bool
    curves: tuple[Curve | None, ...]
    replicates: tuple[tuple[Curve, ...], ...] = ()
    best: tuple[tuple[float, float] | None, ...] = ()
    last: tuple[tuple[float, float] | None, ...] = ()
    parted: float | None = None
    group: str = ""
    aligned: bool = True
    note: str = ""


class PixelDifference(msgspec.Struct, frozen=True):
    """How two images of the same size differ.

    Attributes:
        width: Pixels.
        height: Pixels.
        share: Share of the pixels that differ, 0 … 1.
        mean: Mean absolute difference of the channels, 0 … 1.
        picture: PNG of the difference; empty where nothing differs.
    """

    width: int
    height: int
    share: float
    mean: float
    picture: bytes = b""


class TableDifference(msgspec.Struct, frozen=True):
    """How two tables differ, in the rows and columns that both have.

    Attributes:
        rows: Of both.
        rows_added: Rows that only the second has.
        rows_removed: Rows that only the first has.
        columns_added: Columns that only the second has.
        columns_removed: Columns that only the first has.
        cells: Cells that both have.
        changed: How many of these differ.
    """

    rows: tuple[int, int]
    rows_added: int
    rows_removed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    cells: int
    changed: int


class PlotComparison(msgspec.Struct, frozen=True):
    """A plot or a table.

    Attributes:
        path: From the repository's root, in the last experiment that has it.
        kind: `image`, `svg`, `vega-lite`, `vega`, `plotly`, `table` or `other`.
        change: `added`, `removed`, `changed`, `same`, or `differs` (of several).
        contents: The bytes, of each experiment; only where they were asked for.
        sizes: Bytes.
        dimensions: Width and height in pixels of each image.
        difference: Of two images of the same size.
        note: Why something can't be shown; else empty.
        table: Of two tables.
    """

    path: str
    kind: str
    change: str
    contents: tuple[bytes | None, ...] = ()
    sizes: tuple[int | None, ...] = ()
    dimensions: tuple[tuple[int, int] | None, ...] = ()
    difference: PixelDifference | None = None
    note: str = ""
    table: TableDifference | None = None


class Picture(msgspec.Struct, frozen=True):
    """What an example looks like.

    Attributes:
        id: Of the example.
        media: Media type, such as `image/png` or `text/plain`.
        content: The bytes.
        caption: More to read, such as columns of a table; else empty.
    """

    id: str
    media: str
    content: bytes
    caption: str = ""


class ComparedPredictions(msgspec.Struct, frozen=True):
    """Predictions of two experiments.

    Attributes:
        path: From the repository's root, in the second experiment.
        comparison: What they say; None where they can't be compared.
        pictures: Of flipped examples, where `gitml.yaml` says where examples are.
        notes: Sentences that belong with it.
    """

    path: str
    comparison: PredictionComparison | None
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()


class ComparedImportances(msgspec.Struct, frozen=True):
    """Importances of features of two experiments."""

    path: str
    comparison: RankingComparison | None
    notes: tuple[str, ...] = ()


class ComparedExplanations(msgspec.Struct, frozen=True):
    """Attributions of two experiments, example by example."""

    path: str
    comparison: AttributionComparison | None
    notes: tuple[str, ...] = ()


class Contents(msgspec.Struct, frozen=True):
    """What artifacts of the compared experiments hold.

    Attributes:
        weights: Of two experiments.
        histories: Of all; the primary metric first.
        plots: Of all.
        predictions: Of two.
        importances: Of two.
        explanations: Of two.
        missing: Artifacts that aren't on this machine: `experiment: path`.
        notes: Sentences that belong above.
    """

    weights: tuple[WeightsComparison, ...] = ()
    histories: tuple[HistoryComparison, ...] = ()
    plots: tuple[PlotComparison, ...] = ()
    predictions: tuple[ComparedPredictions, ...] = ()
    importances: tuple[ComparedImportances, ...] = ()
    explanations: tuple[ComparedExplanations, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
