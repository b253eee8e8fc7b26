-- What lists look at of every accord stands beside the summary, which is too large to be read for each.

-- migrate:up

alter table accords
    add column periods jsonb generated always as (nullif(summary->'periods', '{}')) stored,
    add column simulated boolean not null
        generated always as (coalesce((summary->>'simulated')::boolean, false)) stored,
    add column vocabulary text generated always as (summary->>'vocabulary') stored;
comment on column accords.periods is 'Of members whose appointment is dated: from when until when; none, where nobody''s is.';

-- A row for each step, whoever is waited for, so that what waits on others can be read by its due date as well.

create or replace function waiting_of(summary jsonb) returns table (key text, who text, kind text, due timestamptz)
language sql stable as $$
    select step.key, named.who, step.value->>'kind', coalesce((step.value->>'by')::timestamptz, 'infinity')
    from jsonb_each(coalesce(summary->'waiting', '{}')) as step (key, value),
        lateral (
            select '*' union all select jsonb_array_elements_text(step.value->'who')
            union select jsonb_array_elements_text(step.value->'parties')
        ) as named (who)
$$;
comment on column waiting.who is 'A delegate''s id, a party''s code, which begins with a capital, or * for anybody.';
insert into waiting (accord, key, who, kind, due)
select distinct accord, key, '*', kind, due from waiting on conflict do nothing;

-- migrate:down

delete from waiting where who = '*';

create or replace function waiting_of(summary jsonb) returns table (key text, who text, kind text, due timestamptz)
language sql stable as $$
    select step.key, named.who, step.value->>'kind', coalesce((step.value->>'by')::timestamptz, 'infinity')
    from jsonb_each(coalesce(summary->'waiting', '{}')) as step (key, value),
        lateral (
            select jsonb_array_elements_text(step.value->'who')
            union select jsonb_array_elements_text(step.value->'parties')
        ) as named (who)
$$;

alter table accords drop column vocabulary, drop column simulated, drop column periods;
