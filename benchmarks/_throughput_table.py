"""The figures of a benchmark of speed, worked out from seconds and operations, and their table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks._contenders import float32_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from benchmarks._contenders import Contender
    from trainer.precision import Precision

__all__ = ["Row", "nested_cost", "rows", "table"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one contender did; rates are of the fastest round, ratios say how many times as fast it is.

    Attributes
    ----------
    ms_per_image, ms_per_image_median : float
        The fastest and the middle round.
    gflop_per_image, gflop_per_second : float
        Operations as `operations` counts them, in 10^9.
    matrix_product_share : float
        Operations a second as a share of those of a matrix product in the same type and rounds.
    times_float32, times_monai : float or None
        Against the same network in plain float32, and MONAI's of that name; None where that was not measured.
    times_float32_median, times_monai_median : float or None
        The middle of the ratios within each round.
    memory_mb : float or None
        See `peak_memory`.
    seconds : list of float
        For a batch, in each round.
    """

    contender: Contender
    dtype: str
    channels_last: bool
    images_per_second: float
    ms_per_image: float
    ms_per_image_median: float
    gflop_per_image: float
    gflop_per_second: float
    matrix_product_share: float
    times_float32: float | None
    times_float32_median: float | None
    times_monai: float | None
    times_monai_median: float | None
    memory_mb: float | None
    seconds: list[float]


def _ratios(other: Sequence[float] | None, own: Sequence[float]) -> tuple[float | None, float | None]:
    if other is None:
        return None, None
    return min(other) / min(own), statistics.median(o / s for o, s in zip(other, own, strict=True))


def rows(
    seconds: Mapping[Contender, list[float]],
    counted: Mapping[Contender, int],
    rates: Mapping[torch.dtype, float],
    precision: Precision,
    memory: Mapping[Contender, int],
) -> list[Row]:
    """Work out the figures of contenders that were timed in the same rounds.

    Parameters
    ----------
    seconds : mapping
        Of a batch, in each round.
    counted : mapping
        Operations for an image.
    rates : mapping
        The matrix product's operations a second, by type.
    precision : Precision
        Of ours.
    memory : mapping
        Bytes, of those that were measured.
    """
    found = []
    for one, own in seconds.items():
        used = float32_plain(precision) if one.kind == "float32" else precision
        by_kind = {other.kind: taken for other, taken in seconds.items() if other.model == one.model}
        single, single_median = _ratios(by_kind.get("float32"), own)
        monai, monai_median = _ratios(by_kind.get("monai"), own)
        image = min(own) / one.batch
        found.append(
            Row(
                contender=one,
                dtype=str(used.dtype).removeprefix("torch."),
                channels_last=used.channels_last,
                images_per_second=1 / image,
                ms_per_image=1e3 * image,
                ms_per_image_median=1e3 * statistics.median(own) / one.batch,
                gflop_per_image=counted[one] / 1e9,
                gflop_per_second=counted[one] / image / 1e9,
                matrix_product_share=counted[one] / image / rates[used.dtype],
                times_float32=single,
                times_float32_median=single_median,
                times_monai=monai,
                times_monai_median=monai_median,
                memory_mb=memory[one] / 1e6 if one in memory else None,
                seconds=own,
            )
        )
    return found


def nested_cost(found: Sequence[Row]) -> dict[str, float] | None:
    """Return how many times UNet's our UNet++ takes in time (fastest rounds, and middle ratio), and in operations."""
    ours = {row.contender.model: row for row in found if row.contender.kind == "ours"}
    if len(ours) < 2:
        return None
    plain, nested = ours["unet"], ours["unetplusplus"]
    time, median = _ratios(nested.seconds, plain.seconds)
    assert time is not None and median is not None
    return {
        "time": time,
        "time_median": median,
        "operations": nested.gflop_per_image / plain.gflop_per_image,
    }


def table(group: Mapping[str, Any]) -> str:
    """Return the figures of `measure` for people to read."""
    rates = ", ".join(f"{rate:.0f} in {dtype}" for dtype, rate in group["matrix_product_gflop_per_second"].items())
    lines = [
        f"\n{'Training' if group['task'] == 'train' else 'Prediction'}, width {group['width']}, "
        f"{group['size']} x {group['size']} px, {group['batch_size']} at a time (matrix product: {rates} GFLOP/s)",
        f"{'':27}{'images/s':>10}{'ms/image':>10}{'median':>9}{'GFLOP':>8}{'GFLOP/s':>9}{'of product':>12}"
        f"{'x float32':>11}{'x MONAI':>9}{'MB':>7}",
    ]

    def ratio(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    for row in group["rows"]:
        memory = "" if row.memory_mb is None else f"{row.memory_mb:.0f}"
        lines.append(
            f"{row.contender.name:27}{row.images_per_second:10.2f}{row.ms_per_image:10.1f}"
            f"{row.ms_per_image_median:9.1f}{row.gflop_per_image:8.2f}{row.gflop_per_second:9.1f}"
            f"{row.matrix_product_share:12.0%}{ratio(row.times_float32):>11}{ratio(row.times_monai):>9}{memory:>7}"
        )
    if (cost := group["unetplusplus_over_unet"]) is not None:
        lines.append(
            f"UNet++ takes {cost['time']:.2f} times UNet's time (median {cost['time_median']:.2f}) "
            f"for {cost['operations']:.2f} times the operations."
        )
    return "\n".join(lines)
