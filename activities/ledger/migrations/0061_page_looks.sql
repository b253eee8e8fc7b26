-- How far each person has read each accord in the pages: what came since is shown on the desk.

-- migrate:up

create table page_looks (
    principal text collate "C" not null,
    accord text collate "C" not null,
    size bigint not null check (size >= 0),
    looked timestamptz not null default now(),
    primary key (principal, accord)
);
comment on table page_looks is 'How many entries of an accord somebody had before them, when they last looked at it.';

grant select, insert, update on page_looks to entente_api;

-- migrate:down

drop table page_looks;
