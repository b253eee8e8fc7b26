-- A row of what waits on somebody says whether the accord is seen by whom it waits for, whatever the time. Rows that are
-- there already say no, and are looked up as they were; they are put right as their accords move on.

-- migrate:up

create or replace function surely_seen(summary jsonb, who text) returns boolean language sql immutable parallel safe as $$
    select coalesce(summary->'members' ? who, false) and not coalesce(summary->'periods' ? who, false)
        and not coalesce((summary->>'simulated')::boolean, false)
$$;

alter table waiting add column if not exists sure boolean not null default false;
comment on column waiting.sure is
    'That whom it waits for sees the accord at any time, and that the accord''s clock is the server''s. No: not known.';
grant execute on function surely_seen to entente_writer, entente_reader;

-- migrate:down

alter table waiting drop column sure;
drop function surely_seen(jsonb, text);
