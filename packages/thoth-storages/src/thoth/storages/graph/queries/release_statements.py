"""The statements that record releases, each for any number of rows.

Rows are inserted in the order of their natural keys, tables in one order by every writer: packages,
indexes, requirements, releases. Whoever changes a known release locks its row first, in the order
of the ids; what each statement sees afterwards is settled.
"""

from __future__ import annotations

# For the rest of the transaction: joins and sorts of a large batch stay in memory, and none of the
# statements gains by being compiled. May the role switch off the checks of foreign keys for rows
# whose parents it made or locked?
PREPARE_SERVER = """
    SELECT has_parameter_privilege('session_replication_role', 'SET'),
           set_config('work_mem', '64MB', true), set_config('jit', 'off', true)
"""

FIND_PACKAGES = """
    SELECT name, id FROM package WHERE ecosystem = %(ecosystem)s AND name = ANY(%(names)s)
"""
ADD_PACKAGES = """
    INSERT INTO package (ecosystem, name)
    SELECT %(ecosystem)s, name FROM unnest(%(names)s::text[]) AS wanted (name)
     ORDER BY name COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING name, id
"""

FIND_INDEXES = """
    SELECT url, id FROM package_index WHERE ecosystem = %(ecosystem)s AND url = ANY(%(urls)s)
"""
ADD_INDEXES = """
    INSERT INTO package_index (ecosystem, url)
    SELECT %(ecosystem)s, url FROM unnest(%(urls)s::text[]) AS wanted (url)
     ORDER BY url COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING url, id
"""

FIND_REQUIREMENTS = "SELECT digest, id FROM requirement WHERE digest = ANY(%(digests)s)"
ADD_REQUIREMENTS = """
    INSERT INTO requirement
           (package_id, digest, specifier, bounds, extras, marker_extras, marker, url)
    SELECT package_id, digest, specifier, bounds, extras, marker_extras, marker, url
      FROM json_to_recordset(%(rows)s::json)
           AS new (package_id int, digest bytea, specifier text, bounds bytea[], extras text[],
                   marker_extras text[], marker text, url text)
     ORDER BY digest
    ON CONFLICT DO NOTHING
    RETURNING digest, id
"""

# Flags are two bits each: 0 unknown, 1 false, 2 true. An unknown index is 0.
_WANTED = """(
    SELECT package_id, version, nullif(index_id, 0) AS package_index_id,
           nullif(flags & 3, 0) = 2 AS is_missing, nullif(flags >> 2 & 3, 0) = 2 AS yanked,
           nullif(flags >> 4, 0) = 2 AS provides_source_distro, yanked_reason, uploaded_at,
           requires_python, digest, version_key, place
      FROM unnest(%(package_ids)s::int[], %(versions)s::text[], %(index_ids)s::int[],
                  %(flags)s::int[], %(reasons)s::text[], %(uploaded)s::timestamptz[],
                  %(requires_python)s::text[], %(digests)s::bytea[], %(keys)s::bytea[])
           WITH ORDINALITY
           AS sent (package_id, version, index_id, flags, yanked_reason, uploaded_at,
                    requires_python, digest, version_key, place)) AS wanted
"""

# Which releases are known, and of which the facts or the dependencies seem to differ. Each one is
# looked up by its key: without statistics, as at first, a join would read the table.
FIND_RELEASES = f"""
    WITH found AS (
         SELECT wanted.place::int - 1 AS place, coalesce(release.id, 0) AS id,
                wanted.is_missing <> release.is_missing
                OR wanted.yanked <> release.yanked
                OR wanted.yanked_reason IS DISTINCT FROM release.yanked_reason
                   AND (wanted.yanked_reason IS NOT NULL OR NOT wanted.yanked)
                OR wanted.provides_source_distro IS NOT NULL
                   AND wanted.provides_source_distro IS DISTINCT FROM release.provides_source_distro
                OR wanted.uploaded_at < coalesce(release.uploaded_at, 'infinity')
                OR wanted.requires_python IS NOT NULL
                   AND wanted.requires_python IS DISTINCT FROM release.requires_python AS changed,
                wanted.digest IS NOT NULL
                AND wanted.digest IS DISTINCT FROM release.dependencies_digest AS differing,
                release.dependencies_digest IS NULL AS undeclared
           FROM {_WANTED}
           LEFT JOIN LATERAL (
                SELECT * FROM release
                 WHERE release.package_id = wanted.package_id AND release.version = wanted.version
                   AND release.package_index_id IS NOT DISTINCT FROM wanted.package_index_id
                OFFSET 0) AS release ON true)
    SELECT array_send(array_agg(id ORDER BY place)),
           coalesce(array_agg(place) FILTER (WHERE id > 0 AND changed), '{{}}'),
           coalesce(array_agg(place) FILTER (WHERE id > 0 AND differing), '{{}}'),
           coalesce(array_agg(place) FILTER (WHERE id > 0 AND differing AND undeclared), '{{}}')
      FROM found
"""  # noqa: S608 - constants of ours

# The id of each release that was added, 0 for one that somebody else added meanwhile.
ADD_RELEASES = f"""
    WITH wanted AS MATERIALIZED (SELECT * FROM {_WANTED}),
    made AS (
         INSERT INTO release
                (package_id, package_index_id, is_missing, yanked, provides_source_distro,
                 recorded_at, uploaded_at, version, version_key, dependencies_digest,
                 requires_python, yanked_reason)
         SELECT package_id, package_index_id, coalesce(is_missing, false), coalesce(yanked, false),
                provides_source_distro, now(), uploaded_at, version, version_key, digest,
                requires_python, yanked_reason
           FROM wanted ORDER BY place
         ON CONFLICT DO NOTHING
         RETURNING id, package_id, version, package_index_id)
    SELECT array_send(array_agg(coalesce(made.id, 0) ORDER BY wanted.place))
      FROM wanted
      LEFT JOIN made ON made.package_id = wanted.package_id AND made.version = wanted.version
                    AND made.package_index_id IS NOT DISTINCT FROM wanted.package_index_id
"""  # noqa: S608 - constants of ours

LOCK_RELEASES = """
    SELECT id FROM release WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""

# A wanted fact that is null says nothing. An unyanked release has no reason for having been yanked.
CHANGE_RELEASES = f"""
    WITH old AS (
         SELECT release.id, release.is_missing, release.yanked, release.requires_python,
                coalesce(wanted.is_missing, release.is_missing) AS new_missing,
                coalesce(wanted.yanked, release.yanked) AS new_yanked,
                CASE WHEN wanted.yanked IS NOT false
                     THEN coalesce(wanted.yanked_reason, release.yanked_reason) END AS new_reason,
                coalesce(wanted.provides_source_distro, release.provides_source_distro)
                AS new_sdist,
                least(wanted.uploaded_at, release.uploaded_at) AS new_uploaded,
                coalesce(wanted.requires_python, release.requires_python) AS new_requires_python
           FROM {_WANTED}
           JOIN release
                ON release.package_id = wanted.package_id AND release.version = wanted.version
                   AND release.package_index_id IS NOT DISTINCT FROM wanted.package_index_id),
    changes AS (
         INSERT INTO release_change (release_id, changed_at, kind, detail)
         SELECT old.id, now(), change.kind, change.detail
           FROM old CROSS JOIN LATERAL (VALUES
                ('missing', NULL, new_missing AND NOT is_missing),
                ('found', NULL, is_missing AND NOT new_missing),
                ('yanked', new_reason, new_yanked AND NOT yanked),
                ('unyanked', NULL, yanked AND NOT new_yanked),
                ('requires-python', new_requires_python, new_requires_python <> requires_python))
                AS change (kind, detail, happened)
          WHERE change.happened ORDER BY old.id, change.kind)
    UPDATE release
       SET is_missing = new_missing, yanked = new_yanked, yanked_reason = new_reason,
           provides_source_distro = new_sdist, uploaded_at = new_uploaded,
           requires_python = new_requires_python
      FROM old
     WHERE release.id = old.id
       AND (release.is_missing, release.yanked, release.yanked_reason,
            release.provides_source_distro, release.uploaded_at, release.requires_python)
           IS DISTINCT FROM
           (new_missing, new_yanked, new_reason, new_sdist, new_uploaded, new_requires_python)
"""  # noqa: S608 - constants of ours

# --- dependencies --------------------------------------------------------------------------------

_PAIRS = """
    unnest(%(releases)s::int[], %(requirements)s::int[]) AS wanted (release_id, requirement_id)
"""
FIND_MISSING_DEPENDENCIES = f"""
    SELECT DISTINCT wanted.release_id
      FROM {_PAIRS} LEFT JOIN dependency USING (release_id, requirement_id)
     WHERE dependency.release_id IS NULL
"""  # noqa: S608 - constants of ours

COPY_DEPENDENCIES = "COPY dependency (release_id, requirement_id) FROM STDIN (FORMAT BINARY)"

# More dependencies of known releases: a change of those whose dependencies were known.
ADD_DEPENDENCIES = f"""
    WITH made AS (
         INSERT INTO dependency (release_id, requirement_id)
         SELECT DISTINCT wanted.release_id, wanted.requirement_id
           FROM {_PAIRS} LEFT JOIN dependency USING (release_id, requirement_id)
          WHERE dependency.release_id IS NULL
          ORDER BY 1, 2
         ON CONFLICT DO NOTHING
         RETURNING release_id, requirement_id)
    INSERT INTO release_change (release_id, changed_at, kind, detail)
    SELECT made.release_id, now(), 'dependencies', named.text
      FROM made
      JOIN release ON release.id = made.release_id
      JOIN unnest(%(named)s::int[], %(texts)s::text[]) AS named (requirement_id, text)
           ON named.requirement_id = made.requirement_id
     WHERE release.dependencies_digest IS NOT NULL
     ORDER BY made.release_id, named.text
"""  # noqa: S608 - constants of ours

# The digest of a release is over what is recorded of it; each part is looked up by its key.
SET_DIGESTS = """
    UPDATE release SET dependencies_digest = new.digest
      FROM (SELECT wanted.id, sha256(coalesce((
                   SELECT string_agg(digest, ''::bytea ORDER BY digest)
                     FROM (SELECT (SELECT digest FROM requirement
                                    WHERE requirement.id = dependency.requirement_id)
                             FROM dependency WHERE dependency.release_id = wanted.id) AS own), ''))
                   AS digest
              FROM unnest(%(ids)s::int[]) AS wanted (id)) AS new
     WHERE release.id = new.id AND release.dependencies_digest IS DISTINCT FROM new.digest
"""

# --- artifacts and metadata ----------------------------------------------------------------------

FIND_ARTIFACTS = """
    SELECT id, release_id, filename, sha256, kind, size, uploaded_at, yanked, tags
      FROM artifact WHERE release_id = ANY(%(ids)s) ORDER BY release_id, id
"""
_ARTIFACT_COLUMNS = """
    (id bigint, release_id int, filename text, sha256 text, kind text, size bigint,
     uploaded_at timestamptz, yanked bool, tags text[], is_change bool)
"""
DELETE_ARTIFACTS = "DELETE FROM artifact WHERE id = ANY(%(ids)s)"
CHANGE_ARTIFACTS = f"""
    UPDATE artifact
       SET filename = new.filename, sha256 = decode(new.sha256, 'hex'), kind = new.kind,
           size = new.size, uploaded_at = new.uploaded_at, yanked = new.yanked, tags = new.tags
      FROM json_to_recordset(%(rows)s::json) AS new {_ARTIFACT_COLUMNS}
     WHERE artifact.id = new.id
"""  # noqa: S608 - constants of ours
ADD_ARTIFACTS = f"""
    WITH new AS (
         SELECT * FROM json_to_recordset(%(rows)s::json) AS new {_ARTIFACT_COLUMNS}),
    changes AS (
         INSERT INTO release_change (release_id, changed_at, kind, detail)
         SELECT release_id, now(), 'artifact', coalesce(filename, sha256)
           FROM new WHERE is_change ORDER BY release_id, filename, sha256)
    INSERT INTO artifact
           (release_id, yanked, size, recorded_at, uploaded_at, sha256, filename, kind, tags)
    SELECT release_id, yanked, size, now(), uploaded_at, decode(sha256, 'hex'), filename, kind, tags
      FROM new ORDER BY release_id, filename, sha256
"""  # noqa: S608 - constants of ours

_TEXTS = (
    "metadata_version",
    "summary",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "home_page",
    "download_url",
    "keywords",
    "description",
    "description_content_type",
)
_LISTS = ("platforms", "classifiers", "import_packages")
_OBJECTS = ("project_urls", "other")
METADATA_COLUMNS = (*_TEXTS, *_LISTS, *_OBJECTS)
_METADATA_SOURCE = "json_to_recordset(%(rows)s::json) AS new (release_id int, {})".format(
    ", ".join(
        [f"{name} text" for name in _TEXTS]
        + [f"{name} text[]" for name in _LISTS]
        + [f"{name} jsonb" for name in _OBJECTS]
    )
)
_NEW_METADATA = ", ".join(
    [f"coalesce(new.{name}, old.{name})" for name in _TEXTS]
    + [f"CASE WHEN new.{name} = '{{}}' THEN old.{name} ELSE new.{name} END" for name in _LISTS]
    + [f"CASE WHEN new.{name} = '{{}}' THEN old.{name} ELSE new.{name} END" for name in _OBJECTS]
)
_OLD_METADATA = ", ".join(f"old.{name}" for name in METADATA_COLUMNS)

FIND_DESCRIBED = "SELECT release_id FROM release_metadata WHERE release_id = ANY(%(ids)s)"

# The releases whose metadata say less than, or other than, what is recorded.
FIND_CHANGED_METADATA = f"""
    SELECT new.release_id
      FROM {_METADATA_SOURCE} JOIN release_metadata AS old USING (release_id)
     WHERE ({_NEW_METADATA}) IS DISTINCT FROM ({_OLD_METADATA})
"""  # noqa: S608 - constants of ours
CHANGE_METADATA = f"""
    UPDATE release_metadata AS old SET ({", ".join(METADATA_COLUMNS)}) = ROW ({_NEW_METADATA})
      FROM {_METADATA_SOURCE}
     WHERE old.release_id = new.release_id
       AND ({_NEW_METADATA}) IS DISTINCT FROM ({_OLD_METADATA})
"""  # noqa: S608 - constants of ours
ADD_METADATA = f"""
    INSERT INTO release_metadata (release_id, {", ".join(METADATA_COLUMNS)})
    SELECT new.release_id, {", ".join(f"new.{name}" for name in METADATA_COLUMNS)}
      FROM {_METADATA_SOURCE}
     ORDER BY new.release_id
"""  # noqa: S608 - constants of ours

# --- foreign keys, and the first load -------------------------------------------------------------

LOCK_RECORDED = "SELECT id FROM release WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"
LOCK_PACKAGES = "SELECT id FROM package WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"
LOCK_INDEXES = "SELECT id FROM package_index WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"
LOCK_REQUIREMENTS = "SELECT id FROM requirement WHERE id = ANY(%(ids)s) ORDER BY id FOR KEY SHARE"
SKIP_CHECKS = "SET LOCAL session_replication_role = replica"
CHECK_AGAIN = "SET LOCAL session_replication_role = origin"

# May the role make indexes, and are there no releases yet?
MAY_LOAD = """
    SELECT bool_and(pg_has_role(relowner, 'USAGE')
                    AND has_schema_privilege(relnamespace, 'CREATE'))
           AND NOT EXISTS (SELECT FROM release)
      FROM pg_class WHERE oid IN ('release'::regclass, 'dependency'::regclass)
"""
LOCK_TABLES = "LOCK TABLE release, dependency IN ACCESS EXCLUSIVE MODE NOWAIT"
# Room for sorting a large index at once, by several processes where there are some.
PREPARE_LOAD = "SELECT set_config('maintenance_work_mem', '256MB', true)"
# As many new ids as there are releases, in the order in which they are taken, ascending, and
# the time of the transaction.
TAKE_IDS = """
    SELECT array_send(array_agg(id)), now()
      FROM (SELECT nextval((SELECT pg_get_serial_sequence('release', 'id')::regclass))::int AS id
              FROM generate_series(1, %(count)s::int)) AS taken
"""
COPY_RELEASES = """
    COPY release (id, package_id, package_index_id, is_missing, yanked, provides_source_distro,
                  recorded_at, uploaded_at, version, version_key, dependencies_digest,
                  requires_python, yanked_reason)
    FROM STDIN (FORMAT BINARY)
"""
# Rows go into a table that the transaction emptied itself without a log, if there are no replicas.
EMPTY_DEPENDENCIES = "TRUNCATE dependency"
HAS_RELEASES = "SELECT EXISTS (SELECT FROM release)"

# The statements that remove the indexes which no foreign key needs, and those that make them again.
INDEX_DEFINITIONS = """
    SELECT coalesce(format('ALTER TABLE %%s DROP CONSTRAINT ', indrelid::regclass)
                    || quote_ident(conname), 'DROP INDEX ' || indexrelid::regclass),
           coalesce(format('ALTER TABLE %%s ADD CONSTRAINT ', indrelid::regclass)
                    || quote_ident(conname) || ' ' || pg_get_constraintdef(pg_constraint.oid),
                    pg_get_indexdef(indexrelid))
      FROM pg_index
      LEFT JOIN pg_constraint
             ON conindid = indexrelid AND conrelid = indrelid AND contype IN ('p', 'u')
     WHERE indrelid IN ('release'::regclass, 'dependency'::regclass)
       AND NOT EXISTS (
           SELECT FROM pg_constraint AS foreign_key
            WHERE foreign_key.conindid = indexrelid AND foreign_key.contype = 'f')
     ORDER BY indexrelid
"""
