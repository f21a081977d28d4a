"""What a gateway may ask of the centre. A school's role writes through these and in no other way.

`take` goes by what stands in `storage.sealing`: it works out each seal anew from the text of its
rows, in the form in which they were sealed, and puts in tables what it has read out of that very
text. So whatever is in a table went through a seal that fits the one before it.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_ASK = """
CREATE FUNCTION schoolgate.ask(the_record text)
RETURNS TABLE (school text, version text, held_last bigint, held_digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.name, v.version_num, coalesce(r.last, 0), coalesce(r.digest, '')
    FROM schoolgate.schools s CROSS JOIN schoolgate.alembic_version v
    LEFT JOIN schoolgate.records r ON r.school = s.number AND r.record = the_record
    WHERE s.number = schoolgate.my_school()
$$
"""

_TAKE = """
CREATE FUNCTION schoolgate.take(
    the_record text, held_after bigint, held_before bytea,
    numbers bigint[], befores bytea[], whats text[], ats bigint[], firsts bigint[], lasts bigint[],
    counts integer[], digests bytea[], contents text[]
) RETURNS TABLE (held_last bigint, held_digest bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me integer := schoolgate.my_school();
    held schoolgate.records%ROWTYPE;
    wrong bigint;
    upto bigint;
    stretch record;
BEGIN
    IF me IS NULL THEN
        RAISE EXCEPTION '% is no school of this centre.', session_user USING ERRCODE = 'SG002';
    END IF;
    INSERT INTO schoolgate.records (school, record) VALUES (me, the_record) ON CONFLICT DO NOTHING;
    SELECT * INTO held FROM schoolgate.records
        WHERE school = me AND record = the_record FOR UPDATE;
    -- Another connection of the same gateway was quicker, perhaps one whose answer was lost.
    IF (held.last, held.digest) IS DISTINCT FROM (held_after, held_before) THEN
        RETURN QUERY SELECT held.last, held.digest;
        RETURN;
    END IF;

    -- The first seal that does not follow, or is not of its rows.
    SELECT min(number) INTO wrong FROM (
        SELECT s.*,
            lag(number, 1, held.last) OVER w AS previous,
            lag(digest, 1, held.digest) OVER w AS link,
            sha256(convert_to(format('["%s",%s,"%s",%s,%s,%s,%s,"%s"]',
                encode(before, 'hex'), number, what, at, first, last, rows,
                encode(sha256(convert_to(content, 'UTF8')), 'hex')), 'UTF8')) AS reckoned
        FROM unnest(numbers, befores, whats, ats, firsts, lasts, counts, digests, contents)
            AS s (number, before, what, at, first, last, rows, digest, content)
        WINDOW w AS (ORDER BY number)
    ) linked
    WHERE digest IS DISTINCT FROM reckoned OR number <= previous
        OR (number = previous + 1 AND before <> link)
        OR (number = 1) <> (what = 'begin')
        OR (number = 1 AND content::jsonb ->> 'record' IS DISTINCT FROM the_record);
    -- What comes before it is taken; but no tombstone without what its purge left.
    SELECT coalesce(min(p.number), wrong, 9223372036854775807) INTO upto
    FROM unnest(numbers, whats, ats) AS p (number, what, at)
        JOIN unnest(numbers, ats) AS w (number, at) ON w.at = p.at
    WHERE w.number = wrong AND p.what = 'purge' AND p.number < wrong;
    IF upto <= numbers[1] THEN
        RAISE EXCEPTION 'Seal % of the record % does not fit what it stands for, or the seal '
            'before it: the record was changed after it was sealed.', wrong, left(the_record, 8)
            USING ERRCODE = 'SG001', DETAIL = wrong::text;
    END IF;

    -- Stretches that were purged before they came here; their tombstones will follow.
    INSERT INTO schoolgate.gaps (school, record, first, last, digest)
    SELECT me, held.number, previous + 1, number - 1, before FROM (
        SELECT number, before, lag(number, 1, held.last) OVER (ORDER BY number) AS previous
        FROM unnest(numbers, befores) AS s (number, before)
    ) linked WHERE number > previous + 1 AND number < upto;

    -- Tombstones first: what was left of a seal comes again in a new one.
    FOR stretch IN
        SELECT s.number, (g ->> 0)::bigint AS first, (g ->> 1)::bigint AS last,
            decode(g ->> 2, 'hex') AS digest
        FROM unnest(numbers, whats, contents) AS s (number, what, content)
            CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb -> 'gaps') AS g
        WHERE s.what = 'purge' AND s.number < upto ORDER BY s.number
    LOOP
        IF stretch.first > stretch.last OR stretch.last >= stretch.number OR EXISTS (
            SELECT FROM schoolgate.seals WHERE record = held.number
                AND number BETWEEN stretch.first AND stretch.last
                AND (what IN ('begin', 'note', 'purge')
                    OR number = stretch.last AND digest <> stretch.digest)
        ) OR EXISTS (
            SELECT FROM schoolgate.gaps WHERE record = held.number
                AND last = stretch.last AND digest <> stretch.digest
        ) THEN
            RAISE EXCEPTION 'Seal % of the record % (purge) removes what it may not, or names '
                'another seal than was sent.', stretch.number, left(the_record, 8)
                USING ERRCODE = 'SG001', DETAIL = stretch.number::text;
        END IF;
        DELETE FROM schoolgate.events
            WHERE record = held.number AND seal BETWEEN stretch.first AND stretch.last;
        DELETE FROM schoolgate.completions
            WHERE record = held.number AND seal BETWEEN stretch.first AND stretch.last;
        DELETE FROM schoolgate.corrections
            WHERE record = held.number AND seal BETWEEN stretch.first AND stretch.last;
        DELETE FROM schoolgate.seals
            WHERE record = held.number AND number BETWEEN stretch.first AND stretch.last;
        UPDATE schoolgate.gaps SET tombstone = stretch.number
            WHERE record = held.number AND tombstone IS NULL
                AND last BETWEEN stretch.first AND stretch.last;
    END LOOP;

    INSERT INTO schoolgate.seals
        (school, record, number, what, at, first, last, rows, facts, digest)
    SELECT me, held.number, number, what, at, first, last, rows,
        CASE WHEN what NOT IN ('events', 'corrections', 'completions') THEN content END, digest
    FROM unnest(numbers, whats, ats, firsts, lasts, counts, digests, contents)
        AS s (number, what, at, first, last, rows, digest, content)
    WHERE number < upto;

    INSERT INTO schoolgate.events
        (school, record, seal, id, at, person, source, address, site, host, scheme, method, kind,
        allowed, outcome, reason, rule, clause, path, policy, confidence, action, inside,
        more)
    SELECT me, held.number, s.number, (r ->> 0)::bigint, (r ->> 1)::bigint, r ->> 2, r ->> 3,
        r ->> 4, r ->> 5, r ->> 6, r ->> 7, r ->> 8, r ->> 9, r ->> 10 = '1', r ->> 11, r ->> 12,
        r ->> 13, r ->> 14, r ->> 15, r ->> 16, (r ->> 17)::integer, r ->> 18,
        r ->> 19 = '1',
        CASE WHEN jsonb_array_length(r) > 20 THEN (
            SELECT jsonb_agg(value ORDER BY place)
            FROM jsonb_array_elements(r) WITH ORDINALITY AS e (value, place) WHERE place > 20
        ) END
    FROM unnest(numbers, whats, contents) AS s (number, what, content)
        CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb) AS r
    WHERE s.what = 'events' AND s.number < upto;

    INSERT INTO schoolgate.completions
        (school, record, seal, event, status, bytes_up, bytes_down, ended_at)
    SELECT me, held.number, s.number, (r ->> 0)::bigint, (r ->> 1)::integer, (r ->> 2)::bigint,
        (r ->> 3)::bigint, (r ->> 4)::bigint
    FROM unnest(numbers, whats, contents) AS s (number, what, content)
        CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb) AS r
    WHERE s.what = 'completions' AND s.number < upto;

    INSERT INTO schoolgate.corrections
        (school, record, seal, event, outcome, reason, rule, clause)
    SELECT me, held.number, s.number, (r ->> 0)::bigint, r ->> 1, r ->> 2, r ->> 3, r ->> 4
    FROM unnest(numbers, whats, contents) AS s (number, what, content)
        CROSS JOIN LATERAL jsonb_array_elements(s.content::jsonb) AS r
    WHERE s.what = 'corrections' AND s.number < upto;

    RETURN QUERY
    UPDATE schoolgate.records AS r SET last = newest.number, digest = newest.digest, heard = now()
    FROM (
        SELECT number, digest FROM unnest(numbers, digests) AS s (number, digest)
        WHERE number < upto ORDER BY number DESC LIMIT 1
    ) newest
    WHERE r.number = held.number RETURNING r.last, r.digest;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'The record % holds an event twice between the seals % and %.',
        left(the_record, 8), numbers[1], numbers[cardinality(numbers)] USING ERRCODE = 'SG001';
END $$
"""


def upgrade() -> None:
    for statement in (_ASK, _TAKE):
        op.get_bind().exec_driver_sql(statement.replace("%", "%%"))
    for function in (
        "ask(text)",
        "take(text, bigint, bytea, bigint[], bytea[], text[], bigint[], bigint[], bigint[], "
        "integer[], bytea[], text[])",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION schoolgate.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION schoolgate.{function} TO schoolgate_school")
