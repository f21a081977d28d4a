"""What a gateway may ask of the centre about records that it no longer goes on with.

`forget` is for records that were set aside, as damaged ones are: no tombstone comes for them any
more. `put_back` is for a record in whose place an older copy was put: what the centre has beyond
the copy is kept apart, as a record of its own.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_FORGET = """
CREATE FUNCTION schoolgate.forget(the_record text, before_event bigint, held_people text[])
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me integer := schoolgate.my_school();
    old integer;
    gone bigint;
    total bigint := 0;
BEGIN
    FOR old IN
        SELECT number FROM schoolgate.records WHERE school = me AND record <> the_record
    LOOP
        DELETE FROM schoolgate.events WHERE record = old AND id < before_event
            AND (person IS NULL OR person <> ALL (held_people));
        GET DIAGNOSTICS gone = ROW_COUNT;
        DELETE FROM schoolgate.completions c WHERE record = old AND event < before_event
            AND NOT EXISTS (SELECT FROM schoolgate.events e
                            WHERE e.record = old AND e.id = c.event);
        DELETE FROM schoolgate.corrections c WHERE record = old AND event < before_event
            AND NOT EXISTS (SELECT FROM schoolgate.events e
                            WHERE e.record = old AND e.id = c.event);
        UPDATE schoolgate.seals SET thinned = true WHERE record = old AND NOT thinned
            AND what IN ('events', 'corrections', 'completions') AND first < before_event;
        IF gone > 0 THEN
            INSERT INTO schoolgate.forgotten (school, record, before, events)
            VALUES (me, old, before_event, gone);
        END IF;
        total := total + gone;
    END LOOP;
    RETURN total;
END $$
"""

_PUT_BACK = """
CREATE FUNCTION schoolgate.put_back(the_record text, held_after bigint, held_before bytea)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me integer := schoolgate.my_school();
    held schoolgate.records%ROWTYPE;
    apart integer;
    moved bigint;
BEGIN
    SELECT * INTO held FROM schoolgate.records
        WHERE school = me AND record = the_record FOR UPDATE;
    IF held.last <= held_after OR NOT EXISTS (
        SELECT FROM schoolgate.seals WHERE record = held.number AND number = held_after
            AND digest = held_before
    ) THEN
        RAISE EXCEPTION 'The centre does not hold the seal % that the copy of the record % ended '
            'with.', held_after, left(the_record, 8) USING ERRCODE = 'SG001';
    END IF;
    INSERT INTO schoolgate.records (school, record, after, after_digest, last, digest, begun)
    VALUES (me, format('%s, left at seal %s', the_record, held.last), held_after, held_before,
        held.last, held.digest, held.begun)
    RETURNING number INTO apart;
    -- What those tombstones removed has come back with the copy, until it is removed again.
    INSERT INTO schoolgate.gaps (school, record, first, last, digest)
    SELECT me, held.number, (g ->> 0)::bigint, (g ->> 1)::bigint, decode(g ->> 2, 'hex')
    FROM schoolgate.seals s CROSS JOIN LATERAL jsonb_array_elements(s.facts::jsonb -> 'gaps') AS g
    WHERE s.record = held.number AND s.what = 'purge' AND s.number > held_after
        AND (g ->> 1)::bigint <= held_after
    ON CONFLICT (record, last) DO UPDATE SET tombstone = NULL;
    UPDATE schoolgate.events SET record = apart WHERE record = held.number AND seal > held_after;
    UPDATE schoolgate.completions SET record = apart
        WHERE record = held.number AND seal > held_after;
    UPDATE schoolgate.corrections SET record = apart
        WHERE record = held.number AND seal > held_after;
    UPDATE schoolgate.gaps SET record = apart WHERE record = held.number AND last > held_after;
    UPDATE schoolgate.seals SET record = apart WHERE record = held.number AND number > held_after;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE schoolgate.records SET last = held_after, digest = held_before, heard = now()
        WHERE number = held.number;
    RETURN moved;
END $$
"""


def upgrade() -> None:
    for statement in (_FORGET, _PUT_BACK):
        op.get_bind().exec_driver_sql(statement.replace("%", "%%"))
    for function in ("forget(text, bigint, text[])", "put_back(text, bigint, bytea)"):
        op.execute(f"REVOKE ALL ON FUNCTION schoolgate.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION schoolgate.{function} TO schoolgate_school")
