"""Performance indicators: a class, and so a table, for each that has columns of its own.

The place to add one: a class named as its script names itself, with a column per parameter and
result, and a migration; nothing else refers to these classes. Results of another name, and those
with keys that no column is for or values that do not fit, land in `PerformanceIndicator`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from thoth.storages.graph.models.base import Base


class PerformanceIndicatorBase:
    """What all indicators have: the repetition of an inspection that measured them, a component.

    `component` is what was measured, such as `tensorflow`, empty where the script does not say. A
    repetition yields one row at most.
    """

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:  # noqa: N805 - SQLAlchemy's words
        """Each indicator is found by its component."""
        return (Index(None, "component"),)

    inspection_result_id: Mapped[int] = mapped_column(
        ForeignKey("inspection_result.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        sort_order=-3,
    )
    overall_score: Mapped[float | None] = mapped_column(sort_order=-2)
    component: Mapped[str] = mapped_column(Text(collation="C"), sort_order=-1)


class PerformanceIndicator(PerformanceIndicatorBase, Base):
    """An indicator without columns of its own; units are kept as the script gave them.

    `parameters` and `result` are any JSON; `other` is what the script wrote beside them.
    """

    __tablename__ = "performance_indicator"
    __table_args__ = (
        Index(None, "component"),
        Index(None, "name", "component"),
        Index(
            None,
            "parameters",
            postgresql_using="gin",
            postgresql_ops={"parameters": "jsonb_path_ops"},
        ),
    )

    name: Mapped[str] = mapped_column(Text(collation="C"))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    other: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class PiMatmul(PerformanceIndicatorBase, Base):
    """Matrix multiplication: `rate` in GFLOPS, `elapsed` in milliseconds."""

    __tablename__ = "pi_matmul"

    reps: Mapped[int | None]
    matrix_size: Mapped[int | None]
    mini_batch: Mapped[int | None]
    rate: Mapped[float | None]
    elapsed: Mapped[float | None]
    dtype: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)


class _Convolution(PerformanceIndicatorBase):
    """What convolutions share: `rate` in GFLOPS, `elapsed` in milliseconds.

    `padding` is a number of elements or `SAME` or `VALID`.
    """

    reps: Mapped[int | None]
    batch: Mapped[int | None]
    input_width: Mapped[int | None]
    input_channels: Mapped[int | None]
    filter_width: Mapped[int | None]
    output_channels: Mapped[int | None]
    strides: Mapped[int | None]
    rate: Mapped[float | None]
    elapsed: Mapped[float | None]
    padding: Mapped[str | None] = mapped_column(Text)
    data_format: Mapped[str | None] = mapped_column(Text)
    dtype: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)


class PiConv1D(_Convolution, Base):
    """Convolution in one dimension."""

    __tablename__ = "pi_conv1d"


class PiConv2D(_Convolution, Base):
    """Convolution in two dimensions."""

    __tablename__ = "pi_conv2d"

    input_height: Mapped[int | None]
    filter_height: Mapped[int | None]


class PiPyBench(PerformanceIndicatorBase, Base):
    """Averages of the benchmarks of an interpreter, in milliseconds a round."""

    __tablename__ = "pi_pybench"

    rounds: Mapped[int | None] = mapped_column(BigInteger)
    built_in_function_calls_average: Mapped[float | None]
    built_in_method_lookup_average: Mapped[float | None]
    compare_floats_average: Mapped[float | None]
    compare_integers_average: Mapped[float | None]
    compare_strings_average: Mapped[float | None]
    concat_strings_average: Mapped[float | None]
    dict_creation_average: Mapped[float | None]
    for_loops_average: Mapped[float | None]
    list_slicing_average: Mapped[float | None]
    nested_for_loops_average: Mapped[float | None]
    simple_integer_arithmetic_average: Mapped[float | None]
    string_slicing_average: Mapped[float | None]
    try_except_average: Mapped[float | None]
    totals_average: Mapped[float | None]
