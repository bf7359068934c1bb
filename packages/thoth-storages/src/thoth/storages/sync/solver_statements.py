"""The statements that write solver documents, each for any number of documents.

Documents' rows are locked and inserted in the order of their ids; arrays of one statement are
columns. Packages, indexes and releases are written by `graph.queries.release_writer`.
"""

from __future__ import annotations

# The markers of an environment are the greatest that any document says, so that they do not depend
# on the order in which documents are synced. `environment` are those that are known.
_ENVIRONMENT = """
    environment AS (
         SELECT wanted.place, software_environment.id, wanted.markers::jsonb AS markers
           FROM unnest(%(os_names)s::text[], %(os_versions)s::text[], %(python_versions)s::text[],
                       %(markers)s::text[]) WITH ORDINALITY
                AS wanted (os_name, os_version, python_version, markers, place)
           JOIN software_environment USING (os_name, os_version, python_version)),
    described AS (
         UPDATE software_environment SET markers = greatest.markers
           FROM (SELECT DISTINCT ON (id) id, markers FROM environment
                  WHERE markers IS NOT NULL ORDER BY id, markers DESC) AS greatest
          WHERE software_environment.id = greatest.id
            AND (software_environment.markers IS NULL
                 OR software_environment.markers < greatest.markers))
"""
_DOCUMENTS = """
    unnest(%(document_ids)s::text[], %(environments)s::int[], %(durations)s::int[],
           %(created)s::timestamptz[], %(solver_names)s::text[], %(solver_versions)s::text[],
           %(unparsed)s::text[])
    AS new (document_id, environment, duration, created_at, solver_name, solver_version, unparsed)
"""
ADD_RESULTS = f"""
    WITH {_ENVIRONMENT}
    INSERT INTO solver_result
           (software_environment_id, duration, created_at, document_id, solver_name,
            solver_version, unparsed)
    SELECT environment.id, nullif(duration, -1), created_at, document_id, solver_name,
           solver_version, unparsed::jsonb
      FROM {_DOCUMENTS} JOIN environment ON environment.place = new.environment
     ORDER BY document_id COLLATE "C"
    ON CONFLICT (document_id) DO NOTHING
    RETURNING document_id, id
"""  # noqa: S608 - constants of ours
ADD_ENVIRONMENTS = """
    INSERT INTO software_environment (os_name, os_version, python_version, markers)
    SELECT DISTINCT ON (os_name, os_version, python_version)
           os_name, os_version, python_version, markers::jsonb
      FROM unnest(%(os_names)s::text[], %(os_versions)s::text[], %(python_versions)s::text[],
                  %(markers)s::text[]) AS wanted (os_name, os_version, python_version, markers)
     WHERE NOT EXISTS (
           SELECT FROM software_environment AS known
            WHERE known.os_name = wanted.os_name AND known.os_version = wanted.os_version
              AND known.python_version = wanted.python_version)
     ORDER BY os_name, os_version, python_version
    ON CONFLICT DO NOTHING
"""
LOCK_RESULTS = """
    SELECT document_id, id FROM solver_result
     WHERE document_id = ANY(%(document_ids)s::text[])
     ORDER BY document_id FOR NO KEY UPDATE
"""
CHANGE_RESULTS = f"""
    WITH {_ENVIRONMENT}
    UPDATE solver_result
       SET software_environment_id = environment.id, duration = nullif(new.duration, -1),
           created_at = new.created_at, solver_name = new.solver_name,
           solver_version = new.solver_version, unparsed = new.unparsed::jsonb
      FROM {_DOCUMENTS} JOIN environment ON environment.place = new.environment
     WHERE solver_result.document_id = new.document_id
       AND (solver_result.software_environment_id, solver_result.duration,
            solver_result.created_at, solver_result.solver_name, solver_result.solver_version,
            solver_result.unparsed)
           IS DISTINCT FROM
           (environment.id, nullif(new.duration, -1), new.created_at, new.solver_name,
            new.solver_version, new.unparsed::jsonb)
"""  # noqa: S608 - constants of ours
DELETE_OTHER_SOLVED = """
    DELETE FROM solved
     WHERE solver_result_id = ANY(%(known)s::int[])
       AND NOT EXISTS (
           SELECT FROM unnest(%(results)s::int[], %(releases)s::int[]) AS wanted (result, release)
            WHERE wanted.result = solved.solver_result_id AND wanted.release = solved.release_id)
"""

# A release that solvers only know of because they did not find it is missing, unless somebody finds
# it; one that went missing since it was recorded (which is a change of it) is left as it is.
FOUND = """
    UPDATE release SET is_missing = false
     WHERE id = ANY(%(seen)s::int[]) AND is_missing
       AND NOT EXISTS (SELECT FROM release_change
                        WHERE release_change.release_id = release.id
                          AND release_change.kind = 'missing')
"""
# What this transaction recorded, it recorded now.
NOT_FOUND = """
    UPDATE release SET is_missing = true
     WHERE id = ANY(%(unsolvable)s::int[]) AND recorded_at = now() AND NOT is_missing
"""
# Flags are bits: 1 error, 2 unsolvable, 4 unparseable.
ADD_SOLVED = """
    INSERT INTO solved
           (release_id, solver_result_id, error, unsolvable, unparseable, error_type, details)
    SELECT release, result, flags & 1 > 0, flags & 2 > 0, flags & 4 > 0, error_type, details
      FROM unnest(%(results)s::int[], %(releases)s::int[], %(flags)s::int[], %(types)s::text[],
                  %(details)s::text[]) AS new (result, release, flags, error_type, details)
     ORDER BY result, release
    ON CONFLICT (release_id, solver_result_id) DO UPDATE
       SET error = excluded.error, unsolvable = excluded.unsolvable,
           unparseable = excluded.unparseable, error_type = excluded.error_type,
           details = excluded.details
     WHERE (solved.error, solved.unsolvable, solved.unparseable, solved.error_type, solved.details)
           IS DISTINCT FROM
           (excluded.error, excluded.unsolvable, excluded.unparseable, excluded.error_type,
            excluded.details)
"""
_UNRESOLVED = """
    wanted AS (
         SELECT DISTINCT new.result, package.id AS package_id,
                new.specifier COLLATE "C" AS specifier, package_index.id AS package_index_id
           FROM unnest(%(results)s::int[], %(packages)s::text[], %(urls)s::text[],
                       %(specifiers)s::text[]) AS new (result, package, url, specifier)
           JOIN package ON package.ecosystem = %(ecosystem)s AND package.name = new.package
           LEFT JOIN package_index
                  ON package_index.ecosystem = %(ecosystem)s AND package_index.url = new.url)
"""
ADD_UNRESOLVED = f"""
    WITH {_UNRESOLVED}
    INSERT INTO unresolved (solver_result_id, package_id, package_index_id, specifier)
    SELECT result, package_id, package_index_id, specifier FROM wanted ORDER BY 1, 2, 4, 3
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of ours
DELETE_OTHER_UNRESOLVED = f"""
    WITH {_UNRESOLVED}
    DELETE FROM unresolved
     WHERE solver_result_id = ANY(%(known)s::int[])
       AND NOT EXISTS (SELECT FROM wanted
                        WHERE wanted.result = unresolved.solver_result_id
                          AND wanted.package_id = unresolved.package_id
                          AND wanted.specifier = unresolved.specifier
                          AND wanted.package_index_id
                              IS NOT DISTINCT FROM unresolved.package_index_id)
"""  # noqa: S608 - constants of ours
