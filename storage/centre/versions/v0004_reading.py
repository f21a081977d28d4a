"""What can be read of the centre: by a school what happened there, by the trust figures only.

The trust's role sees no table and no name. Its weeks keep to the rules of `storage.usage`: only
what a person did counts; a site that fewer than five people used in a week, or one person for more
than half, is withheld; the rest is rounded; and there is nothing to choose but the week.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

_HAPPENED = """
CREATE VIEW schoolgate.happened WITH (security_invoker = true) AS
SELECT e.school, e.record, e.id, e.at, e.person, e.source, e.confidence, e.address, e.site, e.host,
    e.scheme, e.method, e.kind, e.action, e.inside, e.path, e.policy,
    e.allowed AND c.event IS NULL AS allowed,
    CASE WHEN c.event IS NULL THEN e.outcome ELSE 'record-unavailable' END AS outcome,
    CASE WHEN c.event IS NULL THEN e.reason
        ELSE 'This could not be put on record in time, so it was not let through.' END AS reason,
    CASE WHEN c.event IS NULL THEN e.rule END AS rule,
    CASE WHEN c.event IS NULL THEN e.clause END AS clause,
    d.status, d.bytes_up, d.bytes_down, d.ended_at
FROM schoolgate.events e
    LEFT JOIN schoolgate.corrections c ON c.record = e.record AND c.event = e.id
    LEFT JOIN schoolgate.completions d ON d.record = e.record AND d.event = e.id
"""

_WEEKS = """
CREATE VIEW schoolgate.weeks AS
WITH by_person AS (
    SELECT s.name AS school, h.site, h.person, count(*) AS number,
        count(*) FILTER (WHERE h.allowed) AS allowed,
        date_trunc('week', to_timestamp(h.at / 1e6) AT TIME ZONE s.timezone)::date AS week
    FROM (
        SELECT e.school, e.at, e.site, e.person, e.kind, e.allowed AND c.event IS NULL AS allowed
        FROM schoolgate.events e
            LEFT JOIN schoolgate.corrections c ON c.record = e.record AND c.event = e.id
    ) h JOIN schoolgate.schools s ON s.number = h.school
    WHERE h.person IS NOT NULL AND h.kind IN ('navigation', 'action')
    GROUP BY s.name, h.site, h.person, week
), by_site AS (
    SELECT school, week, site, count(*) AS people, sum(allowed) AS allowed,
        sum(number - allowed) AS refused,
        CASE WHEN count(*) < 5 THEN 'few-people'
            WHEN max(number) * 2 > sum(number) THEN 'one-person' END AS withheld,
        count(*) FILTER (WHERE allowed > 0) < 5 OR max(allowed) * 2 > sum(allowed) AS few_allowed,
        count(*) FILTER (WHERE number > allowed) < 5
            OR max(number - allowed) * 2 > sum(number - allowed) AS few_refused
    FROM by_person GROUP BY school, week, site
)
SELECT school, week, site, withheld,
    CASE WHEN withheld IS NULL THEN people / 5 * 5 END AS people_at_least,
    CASE WHEN withheld IS NULL AND NOT few_allowed THEN (round(allowed / 10) * 10)::bigint
        END AS allowed_about,
    CASE WHEN withheld IS NULL AND NOT few_refused THEN (round(refused / 10) * 10)::bigint
        END AS refused_about
FROM by_site
"""

_STANDING = """
CREATE VIEW schoolgate.standing AS
SELECT s.name AS school, r.record, r.last AS seals, r.begun, r.heard,
    (SELECT max(t.taken) FROM schoolgate.seals t WHERE t.record = r.number AND t.number = r.last)
        AS taken
FROM schoolgate.schools s LEFT JOIN schoolgate.records r ON r.school = s.number
"""


def upgrade() -> None:
    for statement in (_HAPPENED, _WEEKS, _STANDING):
        op.execute(statement)
    op.execute("GRANT SELECT ON schoolgate.happened TO schoolgate_school")
    op.execute("GRANT SELECT ON schoolgate.weeks, schoolgate.standing TO schoolgate_reader")
