"""Packages, releases, artifacts and declared dependencies.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "package",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ecosystem", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("package_pkey")),
        sa.UniqueConstraint("ecosystem", "name", name=op.f("package_ecosystem_name_key")),
    )
    op.create_table(
        "release",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("package_index_id", sa.Integer(), nullable=True),
        sa.Column("is_missing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("yanked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("provides_source_distro", sa.Boolean(), nullable=True),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("uploaded_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("version_key", sa.LargeBinary(), nullable=True),
        sa.Column("dependencies_digest", sa.LargeBinary(), nullable=True),
        sa.Column("requires_python", sa.Text(), nullable=True),
        sa.Column("yanked_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "octet_length(dependencies_digest) = 32", name=op.f("release_dependencies_digest_check")
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("release_package_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["package_index_id"], ["package_index.id"], name=op.f("release_package_index_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("release_pkey")),
        sa.UniqueConstraint(
            "package_id",
            "version",
            "package_index_id",
            name=op.f("release_package_id_version_package_index_id_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        op.f("release_package_id_version_key_idx"),
        "release",
        ["package_id", "version_key"],
        unique=False,
    )
    op.create_index(
        op.f("release_package_index_id_idx"), "release", ["package_index_id"], unique=False
    )
    op.create_table(
        "requirement",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("specifier", sa.Text(), nullable=False),
        sa.Column("bounds", postgresql.ARRAY(sa.LargeBinary()), nullable=True),
        sa.Column(
            "extras", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "marker_extras",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("marker", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("requirement_digest_check")),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("requirement_package_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("requirement_pkey")),
        sa.UniqueConstraint("digest", name=op.f("requirement_digest_key")),
    )
    op.create_index(op.f("requirement_package_id_idx"), "requirement", ["package_id"])
    op.create_table(
        "artifact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("yanked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("present", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("uploaded_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("filename", sa.Text(collation="C"), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.CheckConstraint(
            "filename IS NOT NULL OR sha256 IS NOT NULL", name=op.f("artifact_known_check")
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("artifact_sha256_check")),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("artifact_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("artifact_pkey")),
        sa.UniqueConstraint(
            "release_id",
            "filename",
            "sha256",
            name=op.f("artifact_release_id_filename_sha256_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("artifact_sha256_idx"), "artifact", ["sha256"])
    op.create_table(
        "dependency",
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("dependency_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["requirement_id"], ["requirement.id"], name=op.f("dependency_requirement_id_fkey")
        ),
        sa.PrimaryKeyConstraint("release_id", "requirement_id", name=op.f("dependency_pkey")),
    )
    op.create_index(
        op.f("dependency_requirement_id_idx"), "dependency", ["requirement_id"], unique=False
    )
    op.create_table(
        "release_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("release_change_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("release_change_pkey")),
    )
    op.create_index(
        op.f("release_change_changed_at_idx"), "release_change", ["changed_at"], unique=False
    )
    op.create_index(
        op.f("release_change_release_id_changed_at_idx"),
        "release_change",
        ["release_id", "changed_at"],
        unique=False,
    )
    op.create_table(
        "release_metadata",
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metadata_version", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("author_email", sa.Text(), nullable=True),
        sa.Column("maintainer", sa.Text(), nullable=True),
        sa.Column("maintainer_email", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("license_expression", sa.Text(), nullable=True),
        sa.Column("home_page", sa.Text(), nullable=True),
        sa.Column("download_url", sa.Text(), nullable=True),
        sa.Column("keywords", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("description_content_type", sa.Text(), nullable=True),
        sa.Column(
            "platforms", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "classifiers",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "import_packages",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "project_urls",
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
            ["release_id"],
            ["release.id"],
            name=op.f("release_metadata_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("release_id", name=op.f("release_metadata_pkey")),
    )
    op.create_index(
        op.f("release_metadata_classifiers_idx"),
        "release_metadata",
        ["classifiers"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("release_metadata_import_packages_idx"),
        "release_metadata",
        ["import_packages"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("release_metadata_license_expression_idx"),
        "release_metadata",
        ["license_expression"],
        unique=False,
    )
    op.create_index(
        "release_metadata_license_idx",
        "release_metadata",
        [sa.literal_column("left(license, 200)")],
        unique=False,
    )
    op.add_column(
        "package_index",
        sa.Column("verify_ssl", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column(
        "package_index",
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "package_index",
        sa.Column(
            "only_if_package_seen", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
    )
    op.add_column("package_index", sa.Column("warehouse_api_url", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("package_index", "warehouse_api_url")
    op.drop_column("package_index", "only_if_package_seen")
    op.drop_column("package_index", "enabled")
    op.drop_column("package_index", "verify_ssl")
    op.drop_table("release_metadata")
    op.drop_table("release_change")
    op.drop_table("dependency")
    op.drop_table("artifact")
    op.drop_table("requirement")
    op.drop_table("release")
    op.drop_table("package")
