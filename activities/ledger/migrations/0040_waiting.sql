-- What accords wait for, as desks are asked for it: a row for each step and each who is waited for, and one for whoever it
-- is, so that what waits on others can be read by its due date as well.

-- migrate:up

create table waiting (
    accord text collate "C" not null,
    key text collate "C" not null,
    who text collate "C" not null,
    kind text not null check (kind in ('owe', 'verify', 'agree', 'sign')),
    due timestamptz not null,
    primary key (accord, who, key) include (due, kind)
);
comment on table waiting is 'Every step that an accord waits for, by each delegate and each party that is waited for.';
comment on column waiting.key is 'Names the step in the accord''s summary, where what it is stands.';
comment on column waiting.who is 'A delegate''s id, a party''s code, which begins with a capital, or * for anybody.';
comment on column waiting.due is 'Infinity, where it has no date: such steps come last.';
-- Read from the indexes alone: in one accord, whoever else is waited for there, and by due date over all of them.
create index waiting_who on waiting (who, due, accord, key) include (kind);

create function waiting_of(summary jsonb) returns table (key text, who text, kind text, due timestamptz)
language sql stable as $$
    select step.key, named.who, step.value->>'kind', coalesce((step.value->>'by')::timestamptz, 'infinity')
    from jsonb_each(coalesce(summary->'waiting', '{}')) as step (key, value),
        lateral (
            select '*' union all select jsonb_array_elements_text(step.value->'who')
            union select jsonb_array_elements_text(step.value->'parties')
        ) as named (who)
$$;

-- Of a step that stays as it was nothing is written. "Except" sorts or hashes, whatever the caller does without.

create function list_waiting_anew() returns trigger language plpgsql as $$
begin
    insert into waiting (accord, key, who, kind, due)
    select a.accord, w.key, w.who, w.kind, w.due from added a, lateral waiting_of(a.summary) as w
    on conflict on constraint waiting_pkey do update set kind = excluded.kind, due = excluded.due;
    return null;
end
$$;

create function list_waiting_changed() returns trigger language plpgsql as $$
declare
    altered text[];
begin
    select array_agg(a.accord) into altered from added a join removed r on r.accord = a.accord
    where a.summary->'waiting' is distinct from r.summary->'waiting';
    if altered is null then
        return null;
    end if;
    delete from waiting w using (
        select had.accord, had.key, had.who from waiting had where had.accord = any (altered)
        except
        select a.accord, n.key, n.who from added a, lateral waiting_of(a.summary) as n where a.accord = any (altered)
    ) as gone
    where (w.accord, w.key, w.who) = (gone.accord, gone.key, gone.who);
    insert into waiting (accord, key, who, kind, due)
    select a.accord, n.key, n.who, n.kind, n.due from added a, lateral waiting_of(a.summary) as n
    where a.accord = any (altered)
    except
    select had.accord, had.key, had.who, had.kind, had.due from waiting had where had.accord = any (altered)
    on conflict on constraint waiting_pkey do update set kind = excluded.kind, due = excluded.due;
    return null;
end
$$;

create trigger waiting_is_listed_anew after insert on accords
    referencing new table as added for each statement execute function list_waiting_anew();
create trigger waiting_is_listed after update on accords
    referencing old table as removed new table as added for each statement execute function list_waiting_changed();

grant select, insert, update, delete on waiting to entente_writer;
grant select on waiting to entente_reader;
grant execute on function waiting_of to entente_writer, entente_reader;

-- What was recorded before is listed when the reconciler has written its row anew.

-- migrate:down

drop trigger waiting_is_listed on accords;
drop trigger waiting_is_listed_anew on accords;
drop function list_waiting_changed(), list_waiting_anew(), waiting_of(jsonb);
drop table waiting;
