-- The ledger: entries, their payloads, the Merkle tree, the outcomes of commands, and the read model.

-- migrate:up

-- Text keys compare byte by byte (collate "C"), so that the order in which rows are locked is the same
-- in every database, whatever its locale.

-- Entries refer to one another within one transaction of one writer, which locks the accord's head first; foreign
-- keys would check again, row by row, what the transaction has just made.

create table entries (
    accord text collate "C" not null,
    position bigint not null check (position >= 0),
    feed bigint not null,
    type text not null,
    time timestamptz not null,
    command text collate "C" not null,
    bytes bytea not null check (octet_length(bytes) between 2 and 65535),
    leaf bytea not null check (octet_length(leaf) = 32),
    mark text collate "C",
    primary key (accord, position),
    constraint entries_feed_key unique (feed)
);
-- What the record says of the log itself is found without reading all of it.
create index entries_about_the_log on entries (accord, position)
    where type in ('log_key_rotated', 'log_key_retired', 'witness_policy_changed', 'particulars_erased');
-- A refusal is on the record once: whether it is there already is asked at every refusal.
create index entries_refusals on entries (accord, mark) where mark is not null;
comment on column entries.mark is 'Of a refusal: the digest of what the same refusal would have too.';
comment on table entries is 'The record. Append-only; its rows in the order of feed are also the outbox.';
comment on column entries.feed is 'Position in the feed over all accords: 1, 2, 3, … without a gap, in the order of commits.';
comment on column entries.bytes is 'The canonical JSON that the leaf is the hash of; never serialised again.';
comment on column entries.leaf is 'SHA-256(00 || bytes)';

create table payloads (
    accord text collate "C" not null,
    position bigint not null,
    kind text not null check (kind in ('facts', 'particulars')),
    salt bytea not null check (octet_length(salt) = 16),
    bytes bytea not null,
    primary key (accord, position, kind)
);
comment on table payloads is 'What the salted digests of an entry are of. Particulars can be erased, facts cannot.';

create table merkle_nodes (
    accord text collate "C" not null,
    level smallint not null check (level between 1 and 62),
    index bigint not null check (index >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (accord, level, index)
);
comment on table merkle_nodes is 'Roots of complete subtrees above the leaves (RFC 9162); level 0 is entries.leaf.';

create table heads (
    accord text collate "C" primary key,
    size bigint not null check (size >= 0),
    root bytea not null check (octet_length(root) = 32),
    frontier bytea not null check (octet_length(frontier) = 32 * bit_count(size::bit(64)))
) with (fillfactor = 50); -- Every append updates a row; with room on its page no index has to be touched.
comment on table heads is 'The Merkle tree of each accord as it now stands. Its row is the lock of the accord.';

create table commands (
    accord text collate "C" not null,
    id text collate "C" not null,
    fingerprint text not null,
    salt bytea check (octet_length(salt) = 16),
    outline text,
    receipt jsonb not null,
    signed bytea,
    primary key (accord, id)
);
comment on table commands is 'The outcome of every command, refusals included; what makes a retry harmless.';
comment on column commands.fingerprint is 'SHA-256 of the salt and the digest of the command: tells a retry from another command.';
comment on column commands.salt is 'Without it nobody can try texts against the fingerprint; null once erased.';
comment on column commands.outline is 'The digest of the command without its free text: tells a retry when that is erased.';
comment on column commands.signed is 'The canonical signed command; null once erased with the particulars it caused.';

-- A summary's texts and times as lists are asked for them. A time names its zone, so that what it means hangs on no setting.

create function summary_texts(value jsonb) returns text[] language sql immutable parallel safe as $$
    select coalesce(array(select jsonb_array_elements_text(value)), '{}')
$$;

create function summary_time(value text) returns timestamptz language plpgsql immutable parallel safe strict as $$
begin
    return value::timestamptz;
end
$$;

-- What lists look at of every accord stands beside the summary, which is too large to be read for each. Postgres derives it
-- whenever a summary is written, so that it cannot say anything else. A further such column is no stored one: adding that
-- would write the whole table anew, and acts would wait.

create table accords (
    accord text collate "C" primary key,
    ordinal bigint generated always as identity unique,
    stage text not null,
    parties text[] not null,
    members text[] not null,
    position bigint not null,
    next_deadline timestamptz,
    ended boolean not null,
    summary jsonb not null,
    guards text[] not null generated always as (summary_texts(summary->'guards')) stored,
    observers text[] not null generated always as (summary_texts(summary->'observers')) stored,
    words tsvector not null generated always as (array_to_tsvector(summary_texts(summary->'words'))) stored,
    updated timestamptz generated always as (summary_time(summary->>'updated')) stored,
    due timestamptz generated always as (summary_time(summary->>'due')) stored,
    periods jsonb generated always as (nullif(summary->'periods', '{}')) stored,
    simulated boolean not null generated always as (coalesce((summary->>'simulated')::boolean, false)) stored,
    vocabulary text generated always as (summary->>'vocabulary') stored
) with (fillfactor = 70);
comment on table accords is 'The read model: what a list of accords shows, folded by the model that wrote the entries.';
comment on column accords.ordinal is 'Order of opening; a list is paged by it, newest first.';
create index accords_members on accords using gin (members);
create index accords_parties on accords using gin (parties);
create index accords_stage on accords (stage, ordinal);
comment on column accords.guards is 'The guards that block the next stage.';
comment on column accords.observers is 'Members who see cleared status only.';
comment on column accords.words is 'What a search finds it by: words of its id, its title, and the parties'' codes and names.';
comment on column accords.updated is 'The time of the last entry, by the accord''s clock.';
comment on column accords.due is 'When the first step that it waits for is due.';
comment on column accords.periods is 'Of members whose appointment is dated: from when until when; none, where nobody''s is.';
create index accords_guards on accords using gin (guards);
create index accords_words on accords using gin (words);
create index accords_updated on accords (updated);
create index accords_due on accords (due) where due is not null;

create table feed (
    one boolean primary key default true check (one),
    position bigint not null
);
comment on table feed is 'One row: the feed position of the last entry. Its lock puts commits into the order of the feed.';
insert into feed (position) values (0);

-- The append: one round trip for a batch of appends to any number of accords, each with compare-and-set.
--
-- What is to be written was computed before, on the assumption that each accord has a certain size and root and that
-- none of the commands has an outcome. What is written is that of the accords of which this is so; their names are
-- returned. Of the others nothing is written: they moved on, know one of the commands, or are locked by another session.
-- No head's lock is ever waited for, so one that is stuck holds up its own accord alone. The feed's counter is taken
-- last; its lock puts commits into the order of the feed, which has no gap therefore, for any reader.

create function append_batch(
    accords text[], sizes bigint[], roots bytea[],
    new_sizes bigint[], new_roots bytea[], new_frontiers bytea[], summaries text[],
    command_accords text[], ids text[], fingerprints text[], salts bytea[], outlines text[], receipts text[],
    signed_commands bytea[],
    entry_accords text[], positions bigint[], types text[], times timestamptz[], causes text[],
    contents bytea[], leaves bytea[],
    facts_salts bytea[], facts bytea[], particulars_salts bytea[], particulars bytea[], marks text[],
    node_accords text[], levels smallint[], indexes bigint[], hashes bytea[]
) returns text[] language plpgsql
-- The plans are kept; made while tables are small, they must not read whole tables for ever.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    opened text[] := '{}';
    passed text[];
    known text[];
    whole boolean; -- Whether all passed, as is usual: asking of each row is what would take most of the time.
    added bigint;
    last bigint;
begin
    if 0 = any (sizes) then
        with inserted as (
            insert into heads (accord, size, root, frontier)
            select n.accord, n.new_size, n.new_root, n.new_frontier
            from unnest(accords, sizes, new_sizes, new_roots, new_frontiers)
                as n (accord, size, new_size, new_root, new_frontier)
            -- Sorted, so that two who open the same accords wait for one another instead of deadlocking.
            where n.size = 0 and n.new_size > 0 order by n.accord collate "C"
            on conflict do nothing returning accord
        )
        select coalesce(array_agg(accord), '{}') into opened from inserted;
    end if;

    select opened || coalesce(array_agg(locked.accord), '{}') into passed from (
        select h.accord from unnest(accords, sizes, roots) as n (accord, size, root)
        join heads h on h.accord = n.accord and h.size = n.size and h.root = n.root
        where n.size > 0
        for update of h skip locked
    ) as locked;

    -- A statement of its own, so that it sees what whoever held a lock before has committed.
    select array_agg(c.accord) into known
    from unnest(command_accords, ids) as n (accord, id) join commands c on c.accord = n.accord and c.id = n.id;
    if known is not null then
        -- What was only just opened cannot know any; where it does, inserting them fails, and nothing is written.
        passed := array(select p from unnest(passed) as p where p <> all (known) or p = any (opened));
    end if;
    if cardinality(passed) = 0 then
        return passed;
    end if;

    whole := cardinality(passed) = cardinality(accords);

    insert into commands (accord, id, fingerprint, salt, outline, receipt, signed)
    select n.accord, n.id, n.fingerprint, n.salt, n.outline, n.receipt::jsonb, n.signed
    from unnest(command_accords, ids, fingerprints, salts, outlines, receipts, signed_commands)
        as n (accord, id, fingerprint, salt, outline, receipt, signed)
    where whole or n.accord = any (passed);

    if whole then
        added := cardinality(entry_accords);
    else
        select count(*) into added from unnest(entry_accords) as n (accord) where n.accord = any (passed);
    end if;
    if added = 0 then
        return passed;
    end if;

    update heads h set size = n.new_size, root = n.new_root, frontier = n.new_frontier
    from unnest(accords, sizes, new_sizes, new_roots, new_frontiers)
        as n (accord, size, new_size, new_root, new_frontier)
    where h.accord = n.accord and n.size > 0 and n.new_size > n.size and (whole or n.accord = any (passed));

    insert into payloads (accord, position, kind, salt, bytes)
    select n.accord, n.position, k.kind, k.salt, k.bytes
    from unnest(entry_accords, positions, facts_salts, facts, particulars_salts, particulars)
        as n (accord, position, facts_salt, facts, particulars_salt, particulars),
        lateral (values ('facts', n.facts_salt, n.facts), ('particulars', n.particulars_salt, n.particulars))
            as k (kind, salt, bytes)
    where whole or n.accord = any (passed);

    insert into merkle_nodes (accord, level, index, hash)
    select n.accord, n.level, n.index, n.hash
    from unnest(node_accords, levels, indexes, hashes) as n (accord, level, index, hash)
    where whole or n.accord = any (passed);

    insert into accords (accord, stage, parties, members, position, next_deadline, ended, summary)
    select s.accord, s.stage, s.parties, s.members, s.position, s.next_deadline, s.ended, n.summary
    from (
        select t.summary::jsonb from unnest(accords, summaries) as t (accord, summary)
        where t.summary is not null and (whole or t.accord = any (passed))
    ) as n,
    jsonb_to_record(n.summary) as s (
        accord text, stage text, parties text[], members text[], position bigint,
        next_deadline timestamptz, ended boolean
    )
    on conflict on constraint accords_pkey do update set
        stage = excluded.stage, parties = excluded.parties, members = excluded.members,
        position = excluded.position, next_deadline = excluded.next_deadline, ended = excluded.ended,
        summary = excluded.summary;

    update feed f set position = f.position + added where f.one returning f.position into last;

    insert into entries (accord, position, feed, type, time, command, bytes, leaf, mark)
    select n.accord, n.position, last - added + row_number() over (order by n.ordinal),
        n.type, n.time, n.command, n.bytes, n.leaf, n.mark
    from unnest(entry_accords, positions, types, times, causes, contents, leaves, marks) with ordinality
        as n (accord, position, type, time, command, bytes, leaf, mark, ordinal)
    where whole or n.accord = any (passed);

    perform pg_notify('entente_feed', last::text);
    return passed;
end
$$;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: the record is append-only', tg_op, tg_table_name
        using errcode = 'restrict_violation',
              hint = 'Record a new entry that says what changed. Particulars are erased by the role entente_eraser.';
end
$$;

create function refuse_change_of_command() returns trigger language plpgsql as $$
begin
    if new.signed is null and new.salt is null
        and (new.accord, new.id, new.fingerprint, new.outline, new.receipt)
        is not distinct from (old.accord, old.id, old.fingerprint, old.outline, old.receipt) then
        return new;
    end if;
    raise exception 'UPDATE on commands is refused: the outcome of a command never changes'
        using errcode = 'restrict_violation',
              hint = 'Only "signed" and "salt" can be erased, by setting them to null as the role entente_eraser.';
end
$$;

create function refuse_deletion_of_facts() returns trigger language plpgsql as $$
begin
    if old.kind = 'particulars' then
        return old;
    end if;
    raise exception 'DELETE of facts is refused: the state of the accord is folded from them'
        using errcode = 'restrict_violation', hint = 'Erase the particulars of the entry instead.';
end
$$;

-- "Enable always": without it a session with session_replication_role = replica would pass by the triggers.

create trigger entries_are_append_only before update or delete on entries
    for each statement execute function refuse_change();
create trigger entries_are_not_truncated before truncate on entries
    for each statement execute function refuse_change();
alter table entries enable always trigger entries_are_append_only;
alter table entries enable always trigger entries_are_not_truncated;

create trigger payloads_are_not_altered before update on payloads
    for each statement execute function refuse_change();
create trigger payloads_are_not_truncated before truncate on payloads
    for each statement execute function refuse_change();
create trigger facts_are_not_deleted before delete on payloads
    for each row execute function refuse_deletion_of_facts();
alter table payloads enable always trigger payloads_are_not_altered;
alter table payloads enable always trigger payloads_are_not_truncated;
alter table payloads enable always trigger facts_are_not_deleted;

create trigger commands_are_not_altered before update on commands
    for each row execute function refuse_change_of_command();
create trigger commands_are_not_deleted before delete on commands
    for each statement execute function refuse_change();
create trigger commands_are_not_truncated before truncate on commands
    for each statement execute function refuse_change();
alter table commands enable always trigger commands_are_not_altered;
alter table commands enable always trigger commands_are_not_deleted;
alter table commands enable always trigger commands_are_not_truncated;

-- Roles belong to the whole server, so another database may have made them already, or be making them right now.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['entente_writer', 'entente_reader', 'entente_eraser'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when duplicate_object or unique_violation then
                    null;
                when insufficient_privilege then
                    raise exception 'the role % does not exist, and % may not create it', wanted, current_user
                        using errcode = 'insufficient_privilege',
                              hint = 'Have an administrator run: create role entente_writer nologin; '
                                     'create role entente_reader nologin; create role entente_eraser nologin; '
                                     'then migrate again.';
            end;
        end if;
    end loop;
end
$$;

grant select, insert on entries, payloads, merkle_nodes, commands to entente_writer;
grant select, insert, update on heads, accords to entente_writer;
grant select, update on feed to entente_writer;
-- It writes with the rights of who calls it, so this is for databases that give nobody a function by default.
grant execute on function append_batch to entente_writer;
grant execute on function summary_texts, summary_time to entente_writer, entente_reader;

grant select on entries, payloads, merkle_nodes, heads, commands, accords, feed to entente_reader;

-- Whoever works with the ledger looks first whether its schema is the one that he knows.
grant select on schema_migrations to entente_writer, entente_reader;

grant select (accord, position, kind) on payloads to entente_eraser;
grant delete on payloads to entente_eraser;
-- To find what is recorded as erased and still there; a repeated refusal has no entry of its own, its receipt says
-- which one stands for it.
grant select (accord, position, command, type) on entries to entente_eraser;
grant select (accord, id, signed, salt, receipt) on commands to entente_eraser;
grant update (signed, salt) on commands to entente_eraser;

-- migrate:down

-- The roles stay: they belong to the whole server, and other databases may use them.

drop table feed, accords, commands, heads, merkle_nodes, payloads, entries;
drop function append_batch;
drop function refuse_change(), refuse_change_of_command(), refuse_deletion_of_facts();
drop function summary_time(text), summary_texts(jsonb);
