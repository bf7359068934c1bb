"""Software stacks, inspections and performance indicators.

Revision 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stack_lock",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ecosystem", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("stack_lock_digest_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("stack_lock_pkey")),
        sa.UniqueConstraint("ecosystem", "digest", name=op.f("stack_lock_ecosystem_digest_key")),
    )
    op.create_table(
        "stack_requirements",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ecosystem", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("requirements", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint(
            "octet_length(digest) = 32", name=op.f("stack_requirements_digest_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("stack_requirements_pkey")),
        sa.UniqueConstraint(
            "ecosystem", "digest", name=op.f("stack_requirements_ecosystem_digest_key")
        ),
    )
    op.create_table(
        "dependency_monkey_run",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("stack_requirements_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("skipped", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("analyzer_version", sa.Text(), nullable=True),
        sa.Column("decision_type", sa.Text(), nullable=True),
        sa.Column("predictor", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("dependency_monkey_run_software_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["stack_requirements_id"],
            ["stack_requirements.id"],
            name=op.f("dependency_monkey_run_stack_requirements_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("dependency_monkey_run_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("dependency_monkey_run_document_id_key")),
    )
    op.create_index(
        op.f("dependency_monkey_run_software_environment_id_idx"),
        "dependency_monkey_run",
        ["software_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("dependency_monkey_run_stack_requirements_id_idx"),
        "dependency_monkey_run",
        ["stack_requirements_id"],
        unique=False,
    )
    op.create_table(
        "software_stack",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("stack_requirements_id", sa.Integer(), nullable=True),
        sa.Column("stack_lock_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("is_external", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("software_stack_type", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint(
            "stack_requirements_id IS NOT NULL OR stack_lock_id IS NOT NULL",
            name=op.f("software_stack_content_check"),
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("software_stack_software_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["stack_lock_id"], ["stack_lock.id"], name=op.f("software_stack_stack_lock_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["stack_requirements_id"],
            ["stack_requirements.id"],
            name=op.f("software_stack_stack_requirements_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("software_stack_pkey")),
        sa.UniqueConstraint(
            "stack_requirements_id",
            "stack_lock_id",
            "software_environment_id",
            "software_stack_type",
            "is_external",
            name="software_stack_key",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        op.f("software_stack_software_environment_id_idx"),
        "software_stack",
        ["software_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("software_stack_stack_lock_id_idx"), "software_stack", ["stack_lock_id"], unique=False
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("build_hardware_environment_id", sa.Integer(), nullable=True),
        sa.Column("run_hardware_environment_id", sa.Integer(), nullable=True),
        sa.Column("batch_size", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("build_requests_cpu", sa.Double(), nullable=True),
        sa.Column("run_requests_cpu", sa.Double(), nullable=True),
        sa.Column("build_requests_memory", sa.BigInteger(), nullable=True),
        sa.Column("run_requests_memory", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=True),
        sa.Column("base_image", sa.Text(), nullable=True),
        sa.Column("package_manager", sa.Text(), nullable=True),
        sa.Column("specification", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("batch_size >= 0", name=op.f("inspection_batch_size_check")),
        sa.ForeignKeyConstraint(
            ["build_hardware_environment_id"],
            ["hardware_environment.id"],
            name=op.f("inspection_build_hardware_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["run_hardware_environment_id"],
            ["hardware_environment.id"],
            name=op.f("inspection_run_hardware_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["software_stack_id"],
            ["software_stack.id"],
            name=op.f("inspection_software_stack_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("inspection_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("inspection_document_id_key")),
    )
    op.create_index(
        op.f("inspection_build_hardware_environment_id_idx"),
        "inspection",
        ["build_hardware_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("inspection_run_hardware_environment_id_idx"),
        "inspection",
        ["run_hardware_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("inspection_software_stack_id_idx"), "inspection", ["software_stack_id"], unique=False
    )
    op.create_table(
        "stack_lock_release",
        sa.Column("stack_lock_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("stack_lock_release_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["stack_lock_id"],
            ["stack_lock.id"],
            name=op.f("stack_lock_release_stack_lock_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "stack_lock_id", "release_id", name=op.f("stack_lock_release_pkey")
        ),
    )
    op.create_index(
        op.f("stack_lock_release_release_id_idx"),
        "stack_lock_release",
        ["release_id"],
        unique=False,
    )
    op.create_table(
        "dependency_monkey_response",
        sa.Column("dependency_monkey_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("inspection_id", sa.Integer(), nullable=True),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column(
            "justification",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["dependency_monkey_run_id"],
            ["dependency_monkey_run.id"],
            name=op.f("dependency_monkey_response_dependency_monkey_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"],
            ["inspection.id"],
            name=op.f("dependency_monkey_response_inspection_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["software_stack_id"],
            ["software_stack.id"],
            name=op.f("dependency_monkey_response_software_stack_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "dependency_monkey_run_id", "number", name=op.f("dependency_monkey_response_pkey")
        ),
    )
    op.create_index(
        op.f("dependency_monkey_response_inspection_id_idx"),
        "dependency_monkey_response",
        ["inspection_id"],
        unique=False,
    )
    op.create_index(
        op.f("dependency_monkey_response_software_stack_id_idx"),
        "dependency_monkey_response",
        ["software_stack_id"],
        unique=False,
    )
    op.create_table(
        "inspection_result",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("hardware_environment_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("hostname", sa.Text(), nullable=True),
        sa.Column("script_sha256", sa.Text(), nullable=True),
        sa.Column(
            "usage",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("output", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(
            ["hardware_environment_id"],
            ["hardware_environment.id"],
            name=op.f("inspection_result_hardware_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"],
            ["inspection.id"],
            name=op.f("inspection_result_inspection_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("inspection_result_software_environment_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("inspection_result_pkey")),
        sa.UniqueConstraint(
            "inspection_id", "number", name=op.f("inspection_result_inspection_id_number_key")
        ),
    )
    op.create_index(
        op.f("inspection_result_hardware_environment_id_idx"),
        "inspection_result",
        ["hardware_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("inspection_result_software_environment_id_idx"),
        "inspection_result",
        ["software_environment_id"],
        unique=False,
    )
    op.create_table(
        "performance_indicator",
        sa.Column("inspection_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("overall_score", sa.Double(), nullable=True),
        sa.Column("component", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "result",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "other",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["inspection_result_id"],
            ["inspection_result.id"],
            name=op.f("performance_indicator_inspection_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inspection_result_id", name=op.f("performance_indicator_pkey")),
    )
    op.create_index(
        op.f("performance_indicator_component_idx"),
        "performance_indicator",
        ["component"],
        unique=False,
    )
    op.create_table(
        "pi_conv1d",
        sa.Column("inspection_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("overall_score", sa.Double(), nullable=True),
        sa.Column("component", sa.Text(collation="C"), nullable=False),
        sa.Column("reps", sa.Integer(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("input_width", sa.Integer(), nullable=True),
        sa.Column("input_channels", sa.Integer(), nullable=True),
        sa.Column("filter_width", sa.Integer(), nullable=True),
        sa.Column("output_channels", sa.Integer(), nullable=True),
        sa.Column("strides", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("elapsed", sa.Double(), nullable=True),
        sa.Column("padding", sa.Text(), nullable=True),
        sa.Column("data_format", sa.Text(), nullable=True),
        sa.Column("dtype", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inspection_result_id"],
            ["inspection_result.id"],
            name=op.f("pi_conv1d_inspection_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inspection_result_id", name=op.f("pi_conv1d_pkey")),
    )
    op.create_index(op.f("pi_conv1d_component_idx"), "pi_conv1d", ["component"])
    op.create_table(
        "pi_conv2d",
        sa.Column("inspection_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("overall_score", sa.Double(), nullable=True),
        sa.Column("component", sa.Text(collation="C"), nullable=False),
        sa.Column("input_height", sa.Integer(), nullable=True),
        sa.Column("filter_height", sa.Integer(), nullable=True),
        sa.Column("reps", sa.Integer(), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("input_width", sa.Integer(), nullable=True),
        sa.Column("input_channels", sa.Integer(), nullable=True),
        sa.Column("filter_width", sa.Integer(), nullable=True),
        sa.Column("output_channels", sa.Integer(), nullable=True),
        sa.Column("strides", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("elapsed", sa.Double(), nullable=True),
        sa.Column("padding", sa.Text(), nullable=True),
        sa.Column("data_format", sa.Text(), nullable=True),
        sa.Column("dtype", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inspection_result_id"],
            ["inspection_result.id"],
            name=op.f("pi_conv2d_inspection_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inspection_result_id", name=op.f("pi_conv2d_pkey")),
    )
    op.create_index(op.f("pi_conv2d_component_idx"), "pi_conv2d", ["component"])
    op.create_table(
        "pi_matmul",
        sa.Column("inspection_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("overall_score", sa.Double(), nullable=True),
        sa.Column("component", sa.Text(collation="C"), nullable=False),
        sa.Column("reps", sa.Integer(), nullable=True),
        sa.Column("matrix_size", sa.Integer(), nullable=True),
        sa.Column("mini_batch", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("elapsed", sa.Double(), nullable=True),
        sa.Column("dtype", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inspection_result_id"],
            ["inspection_result.id"],
            name=op.f("pi_matmul_inspection_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inspection_result_id", name=op.f("pi_matmul_pkey")),
    )
    op.create_index(op.f("pi_matmul_component_idx"), "pi_matmul", ["component"])
    op.create_table(
        "pi_pybench",
        sa.Column("inspection_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("overall_score", sa.Double(), nullable=True),
        sa.Column("component", sa.Text(collation="C"), nullable=False),
        sa.Column("rounds", sa.BigInteger(), nullable=True),
        sa.Column("built_in_function_calls_average", sa.Double(), nullable=True),
        sa.Column("built_in_method_lookup_average", sa.Double(), nullable=True),
        sa.Column("compare_floats_average", sa.Double(), nullable=True),
        sa.Column("compare_integers_average", sa.Double(), nullable=True),
        sa.Column("compare_strings_average", sa.Double(), nullable=True),
        sa.Column("concat_strings_average", sa.Double(), nullable=True),
        sa.Column("dict_creation_average", sa.Double(), nullable=True),
        sa.Column("for_loops_average", sa.Double(), nullable=True),
        sa.Column("list_slicing_average", sa.Double(), nullable=True),
        sa.Column("nested_for_loops_average", sa.Double(), nullable=True),
        sa.Column("simple_integer_arithmetic_average", sa.Double(), nullable=True),
        sa.Column("string_slicing_average", sa.Double(), nullable=True),
        sa.Column("try_except_average", sa.Double(), nullable=True),
        sa.Column("totals_average", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inspection_result_id"],
            ["inspection_result.id"],
            name=op.f("pi_pybench_inspection_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("inspection_result_id", name=op.f("pi_pybench_pkey")),
    )
    op.create_index(op.f("pi_pybench_component_idx"), "pi_pybench", ["component"])


def downgrade() -> None:
    op.drop_table("pi_pybench")
    op.drop_table("pi_matmul")
    op.drop_table("pi_conv2d")
    op.drop_table("pi_conv1d")
    op.drop_table("performance_indicator")
    op.drop_table("inspection_result")
    op.drop_table("dependency_monkey_response")
    op.drop_table("stack_lock_release")
    op.drop_table("inspection")
    op.drop_table("software_stack")
    op.drop_table("dependency_monkey_run")
    op.drop_table("stack_requirements")
    op.drop_table("stack_lock")
