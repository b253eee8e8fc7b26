-- Notices by e-mail: who wants them where and when, and what they were told of already.

-- migrate:up

create table notice_settings (
    principal text collate "C" primary key check (principal <> ''),
    address text not null check (octet_length(address) between 3 and 254),
    mode text not null check (mode in ('at_once', 'daily')),
    hour smallint not null check (hour between 0 and 23),
    zone text not null,
    code bytea check (octet_length(code) = 32),
    code_until timestamptz,
    tries smallint not null default 0,
    confirmed timestamptz,
    digest timestamptz,
    changed timestamptz not null default now()
);
comment on table notice_settings is 'Where each person wants to hear of what waits on them: at once, or once a day.';
comment on column notice_settings.hour is 'Of a daily digest, in the zone.';
comment on column notice_settings.digest is 'When the last daily digest was due and looked at.';
comment on column notice_settings.code is 'SHA-256 of the code that was sent to the address; whoever names it has the address.';

create table notices_told (
    principal text collate "C" not null references notice_settings on delete cascade,
    accord text collate "C" not null,
    key text collate "C" not null,
    what text not null check (what in ('new', 'soon', 'late')),
    told timestamptz not null default now(),
    primary key (principal, accord, key, what)
);
comment on table notices_told is 'Of which steps a person was told, so that each is told once; what no longer waits is forgotten.';

grant select, insert, update, delete on notice_settings to entente_api;
grant select on notice_settings to entente_writer;
grant select, insert, delete on notices_told to entente_writer;
-- To forget an address that the mail server refuses for good.
grant delete on notice_settings to entente_writer;
grant update (digest) on notice_settings to entente_writer;

-- migrate:down

drop table notices_told, notice_settings;
