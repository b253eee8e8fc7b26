-- Which programs may go on with this schema, so that a release can migrate while the one before it still runs.

-- migrate:up

create table schema_support (
    one boolean primary key default true check (one),
    oldest varchar not null
);
comment on table schema_support is 'One row: the oldest schema that a program may be made for and still work with this one.';
comment on column schema_support.oldest is
    'A version of schema_migrations. A migration that older programs cannot go on with sets it to its own version.';
insert into schema_support (oldest) values ('0020');

grant select on schema_support to entente_writer, entente_reader, entente_eraser, entente_api;
-- Erasing is a program of its own, and looks first whether it knows the schema.
grant select on schema_migrations to entente_eraser;

-- migrate:down

drop table schema_support;
revoke select on schema_migrations from entente_eraser;
