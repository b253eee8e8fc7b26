-- The keys that payloads in Temporal are encrypted with: one for each accord at a time, wrapped by the installation's key.

-- migrate:up

create table payload_keys (
    id text collate "C" primary key check (id ~ '^[0-9a-f]{32}$'),
    subject text collate "C" not null check (subject <> ''),
    generation int not null check (generation > 0),
    wrapped bytea,
    wrapped_by text collate "C",
    created timestamptz not null default now(),
    destroyed timestamptz,
    unique (subject, generation),
    check ((wrapped is null) = (destroyed is not null)),
    check ((wrapped is null) = (wrapped_by is null))
);
comment on table payload_keys is 'Data keys of the payloads in Temporal. Whoever has only this table, or only the histories, reads nothing.';
comment on column payload_keys.subject is 'The accord, or * for what belongs to none.';
comment on column payload_keys.generation is 'The greatest encrypts; the others decrypt what is older.';
comment on column payload_keys.wrapped is 'The key, encrypted with the key of the installation; null once it is destroyed.';
comment on column payload_keys.wrapped_by is 'The id of the installation''s key.';

grant select, insert on payload_keys to entente_writer, entente_api;
-- Erasing renews an accord's key, and destroys the older ones.
grant select, insert on payload_keys to entente_eraser;
grant update (wrapped, wrapped_by, destroyed) on payload_keys to entente_eraser;

-- migrate:down

drop table payload_keys;
