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
    primary key (accord, position),
    constraint entries_feed_key unique (feed)
);
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
);
comment on table heads is 'The Merkle tree of each accord as it now stands. Its row is the lock of the accord.';

create table commands (
    accord text collate "C" not null,
    id text collate "C" not null,
    fingerprint text not null,
    receipt jsonb not null,
    signed bytea,
    primary key (accord, id)
);
comment on table commands is 'The outcome of every command, refusals included; what makes a retry harmless.';
comment on column commands.signed is 'The canonical signed command; null once erased with the particulars it caused.';

create table accords (
    accord text collate "C" primary key,
    ordinal bigint generated always as identity unique,
    stage text not null,
    parties text[] not null,
    members text[] not null,
    position bigint not null,
    next_deadline timestamptz,
    ended boolean not null,
    summary jsonb not null
);
comment on table accords is 'The read model: what a list of accords shows, folded by the model that wrote the entries.';
comment on column accords.ordinal is 'Order of opening; a list is paged by it, newest first.';
create index accords_members on accords using gin (members);
create index accords_parties on accords using gin (parties);
create index accords_stage on accords (stage, ordinal);

create table feed (
    one boolean primary key default true check (one),
    position bigint not null
);
comment on table feed is 'One row: the feed position of the last entry. Its lock puts commits into the order of the feed.';
insert into feed (position) values (0);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: the record is append-only', tg_op, tg_table_name
        using errcode = 'restrict_violation',
              hint = 'Record a new entry that says what changed. Particulars are erased by the role entente_eraser.';
end
$$;

create function refuse_change_of_command() returns trigger language plpgsql as $$
begin
    if new.signed is null and (new.accord, new.id, new.fingerprint, new.receipt)
        is not distinct from (old.accord, old.id, old.fingerprint, old.receipt) then
        return new;
    end if;
    raise exception 'UPDATE on commands is refused: the outcome of a command never changes'
        using errcode = 'restrict_violation',
              hint = 'Only "signed" can be erased, by setting it to null as the role entente_eraser.';
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

grant select on entries, payloads, merkle_nodes, heads, commands, accords, feed to entente_reader;

grant select (accord, position, kind) on payloads to entente_eraser;
grant delete on payloads to entente_eraser;
grant select (accord, position, command) on entries to entente_eraser;
grant select (accord, id, signed) on commands to entente_eraser;
grant update (signed) on commands to entente_eraser;

-- migrate:down

-- The roles stay: they belong to the whole server, and other databases may use them.

drop table feed, accords, commands, heads, merkle_nodes, payloads, entries;
drop function refuse_change(), refuse_change_of_command(), refuse_deletion_of_facts();
