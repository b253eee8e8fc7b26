-- Checkpoints that the log has signed, the cosignatures of witnesses on them, and the policies that name the witnesses.

-- migrate:up

create table checkpoints (
    accord text collate "C" not null,
    size bigint not null check (size >= 0),
    root bytea not null check (octet_length(root) = 32),
    note bytea not null,
    signed timestamptz not null default now(),
    primary key (accord, size)
);
comment on table checkpoints is 'Signed once for each size, so that a receipt has the same bytes on every retry.';
comment on column checkpoints.note is 'The signed note (C2SP tlog-checkpoint) with the log''s own signatures only.';

create table cosignatures (
    accord text collate "C" not null,
    size bigint not null,
    witness text not null,
    key_id bytea not null check (octet_length(key_id) = 4),
    signature bytea not null check (octet_length(signature) = 72),
    received timestamptz not null default now(),
    primary key (accord, size, witness, key_id)
);
comment on table cosignatures is 'What witnesses answered (C2SP tlog-cosignature), verified before it is kept.';

create table witness_policies (
    accord text collate "C" primary key,
    content bytea,
    changed timestamptz not null default now(),
    recorded bytea,
    position bigint
);
comment on table witness_policies is 'The C2SP tlog-policy of each accord: whose cosignatures make a checkpoint final.';
comment on column witness_policies.content is 'The policy set outside the record, as long as none is on it.';
comment on column witness_policies.recorded is 'The policy that the record has last, as far as it was mirrored.';

create trigger checkpoints_are_append_only before update or delete on checkpoints
    for each statement execute function refuse_change();
create trigger checkpoints_are_not_truncated before truncate on checkpoints
    for each statement execute function refuse_change();
create trigger cosignatures_are_append_only before update or delete on cosignatures
    for each statement execute function refuse_change();
create trigger cosignatures_are_not_truncated before truncate on cosignatures
    for each statement execute function refuse_change();
alter table checkpoints enable always trigger checkpoints_are_append_only;
alter table checkpoints enable always trigger checkpoints_are_not_truncated;
alter table cosignatures enable always trigger cosignatures_are_append_only;
alter table cosignatures enable always trigger cosignatures_are_not_truncated;

grant select, insert on checkpoints, cosignatures to entente_writer;
grant select, insert, update on witness_policies to entente_writer;
grant select on checkpoints, cosignatures, witness_policies to entente_reader;
-- The API signs checkpoints for the receipts that it hands out.
grant select, insert on checkpoints to entente_api;
grant select on cosignatures, witness_policies to entente_api;

-- migrate:down

drop table witness_policies, cosignatures, checkpoints;
