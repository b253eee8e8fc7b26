-- Time from outside: RFC 3161 tokens of time-stamp authorities over final checkpoints.

-- migrate:up

create table timestamps (
    accord text collate "C" not null,
    size bigint not null check (size > 0),
    authority text not null,
    token bytea not null check (octet_length(token) between 1 and 65536),
    received timestamptz not null default now(),
    primary key (accord, authority, size)
);
comment on table timestamps is 'What authorities answered (RFC 3161), held against what was asked before it is kept.';
comment on column timestamps.authority is 'The address that was asked.';
comment on column timestamps.token is 'The TimeStampToken (DER), over the three lines of the checkpoint at this size.';
comment on column timestamps.received is 'By the clock of the database. The authority''s own time is in the token.';

create trigger timestamps_are_append_only before update or delete on timestamps
    for each statement execute function refuse_change();
create trigger timestamps_are_not_truncated before truncate on timestamps
    for each statement execute function refuse_change();
alter table timestamps enable always trigger timestamps_are_append_only;
alter table timestamps enable always trigger timestamps_are_not_truncated;

grant select, insert on timestamps to entente_writer;
grant select on timestamps to entente_reader, entente_api;

-- migrate:down

drop table timestamps;
