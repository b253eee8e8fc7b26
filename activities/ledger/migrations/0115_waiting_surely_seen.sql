-- From here on rows say whether the accord is surely seen by whom it waits for (0105), and are read by the index of 0106.

-- migrate:up

drop index waiting_who;
alter index waiting_by_kind rename to waiting_who;

create or replace function list_waiting_anew() returns trigger language plpgsql as $$
begin
    insert into waiting (accord, key, who, kind, due, sure)
    select a.accord, w.key, w.who, w.kind, w.due, surely_seen(a.summary, w.who)
    from added a, lateral waiting_of(a.summary) as w
    on conflict on constraint waiting_pkey
    do update set kind = excluded.kind, due = excluded.due, sure = excluded.sure;
    return null;
end
$$;

create or replace function list_waiting_changed() returns trigger language plpgsql as $$
declare
    altered text[];
begin
    select array_agg(a.accord) into altered from added a join removed r on r.accord = a.accord
    where a.summary->'waiting' is distinct from r.summary->'waiting'
        or a.summary->'members' is distinct from r.summary->'members'
        or a.summary->'periods' is distinct from r.summary->'periods'
        or a.summary->'simulated' is distinct from r.summary->'simulated';
    if altered is null then
        return null;
    end if;
    delete from waiting w using (
        select had.accord, had.key, had.who from waiting had where had.accord = any (altered)
        except
        select a.accord, n.key, n.who from added a, lateral waiting_of(a.summary) as n where a.accord = any (altered)
    ) as gone
    where (w.accord, w.key, w.who) = (gone.accord, gone.key, gone.who);
    insert into waiting (accord, key, who, kind, due, sure)
    select a.accord, n.key, n.who, n.kind, n.due, surely_seen(a.summary, n.who)
    from added a, lateral waiting_of(a.summary) as n where a.accord = any (altered)
    except
    select had.accord, had.key, had.who, had.kind, had.due, had.sure from waiting had where had.accord = any (altered)
    on conflict on constraint waiting_pkey
    do update set kind = excluded.kind, due = excluded.due, sure = excluded.sure;
    return null;
end
$$;

-- migrate:down

create or replace function list_waiting_anew() returns trigger language plpgsql as $$
begin
    insert into waiting (accord, key, who, kind, due)
    select a.accord, w.key, w.who, w.kind, w.due from added a, lateral waiting_of(a.summary) as w
    on conflict on constraint waiting_pkey do update set kind = excluded.kind, due = excluded.due;
    return null;
end
$$;

create or replace function list_waiting_changed() returns trigger language plpgsql as $$
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

alter index waiting_who rename to waiting_by_kind;
create index waiting_who on waiting (who, due, accord, key) include (kind);
