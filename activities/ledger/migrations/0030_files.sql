-- Contents of what the record names by digest: texts, evidence, instruments. The bytes are in an object store.

-- migrate:up

create table files (
    accord text collate "C" not null,
    digest text collate "C" not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    ordinal bigint generated always as identity unique,
    size bigint not null check (size >= 0),
    media_type text not null,
    object text not null unique,
    stored timestamptz not null default now(),
    looked bigint not null default 0,
    primary key (accord, digest)
);
comment on table files is 'What content there is for an accord. An object that no row names counts for nothing.';
comment on column files.object is 'The name of the object in the store; never used twice.';
comment on column files.looked is 'Entries of the record in which the digest was looked for; see file_namings.';

create table file_deposits (
    accord text collate "C" not null,
    digest text collate "C" not null,
    side text collate "C" not null check (side <> ''),
    delegate text collate "C" not null,
    deposited timestamptz not null default now(),
    primary key (accord, digest, side),
    foreign key (accord, digest) references files on delete cascade
);
comment on table file_deposits is 'Which sides have shown that they have the content, by sending all of it.';
comment on column file_deposits.side is 'A party, or the id of an officer, who acts for none.';
create index file_deposits_side on file_deposits (accord, side);

create table file_namings (
    accord text collate "C" not null,
    digest text collate "C" not null,
    side text collate "C" not null,
    act text collate "C" not null,
    condition text collate "C" not null,
    position bigint not null,
    primary key (accord, digest, side, act, condition),
    foreign key (accord, digest) references files on delete cascade
);
comment on table file_namings is 'The first entry of each kind that names the digest: what follows from the record, kept at hand.';

create table file_uploads (
    accord text collate "C" not null,
    digest text collate "C" not null,
    side text collate "C" not null,
    delegate text collate "C" not null,
    size bigint not null check (size > 0),
    media_type text not null,
    received bigint not null default 0,
    parts text[] not null default '{}',
    touched timestamptz not null default now(),
    primary key (accord, digest, side)
);
comment on table file_uploads is 'Contents that come in parts, until all are there.';

grant select, insert, update, delete on files, file_deposits, file_namings, file_uploads to entente_api;
-- The worker takes away what nothing names, and whoever erases what the record says is erased.
grant select, delete on files, file_uploads to entente_writer, entente_eraser;
grant select on file_deposits, file_namings to entente_writer, entente_eraser;
grant update (looked) on files to entente_writer;
grant insert on file_namings to entente_writer;
grant select on files, file_deposits, file_namings to entente_reader;

-- migrate:down

drop table file_uploads, file_namings, file_deposits, files;
